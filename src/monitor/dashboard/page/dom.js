/**
 * Makes elements. Text is only ever set as text: nothing on this page turns a string into HTML.
 *
 * @param {string} tag Name of the element, with classes behind dots: `"div.card"`.
 * @param {object | null} props Properties; `on…` are listeners, `data` is the dataset, `aria-…` and
 *   `role` are attributes.
 * @param {...(Node | string | number | null | undefined | false | Array)} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "class") {
      element.classList.add(...value.split(" ").filter(Boolean));
    } else if (key === "style") {
      for (const [name, part] of Object.entries(value)) {
        element.style.setProperty(name, part);
      }
    } else if (key in element && !key.startsWith("aria")) element[key] = value;
    else element.setAttribute(key, value);
  }
  append(element, children);
  return element;
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Says something for a moment, also to screen readers. */
export function toast(text) {
  const note = h("div.toast", null, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 2500);
}

/** Copies text, and says so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast("The browser does not let this page copy");
  }
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}
