import { h } from "./dom.js";
import { visible } from "./visible.js";

/** Tiles that are made at once; longer blocks are filled as they come into sight. */
const CHUNK = 256;
const EAGER = 3000;

/** The exact bytes of a token, and its text as far as they are whole characters. */
export function decode(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join(" ");
  try {
    return {
      bytes,
      hex,
      text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        bytes,
      ),
    };
  } catch {
    return { bytes, hex, text: null };
  }
}

/** Makes the tiles of an episode, and finds them again. */
export class Tiles {
  #episode;
  #tree;
  #tokens = new Map();
  #elements = new Map();
  #chunks = new Map();
  #paint;
  #observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#fill(target);
    }
  }, { rootMargin: "600px" });

  constructor(episode, tree, paint) {
    this.#episode = episode;
    this.#tree = tree;
    this.#paint = paint;
  }

  /** What stands behind a token id. */
  token(id) {
    let token = this.#tokens.get(id);
    if (token === undefined) {
      const [base64, special] = this.#episode.tokens[id] ?? ["", false];
      token = { id, special, ...decode(base64) };
      this.#tokens.set(id, token);
    }
    return token;
  }

  /** The tokens of `nodes`, as tiles that flow like text. */
  block(nodes) {
    const lazy = this.#tree.nodes.length > EAGER;
    const chunks = [];
    for (let from = 0; from < nodes.length; from += CHUNK) {
      const chunk = h("span.chunk");
      const part = nodes.slice(from, from + CHUNK);
      this.#chunks.set(chunk, part);
      for (const node of part) this.#elements.set(node, chunk);
      if (lazy) {
        chunk.classList.add("waiting");
        chunk.style.setProperty("--lines", Math.ceil(part.length / 14));
        this.#observer.observe(chunk);
      } else this.#fill(chunk);
      chunks.push(chunk);
    }
    return h("div.tokens", null, chunks);
  }

  /** The tile of a node; its chunk is filled first where it was not yet in sight. */
  element(node) {
    const found = this.#elements.get(node);
    if (found === undefined || !this.#chunks.has(found)) return found;
    this.#fill(found);
    return this.#elements.get(node);
  }

  /** Colours all tiles by something else. */
  repaint(paint) {
    this.#paint = paint;
    for (const [node, element] of this.#elements) {
      if (!this.#chunks.has(element)) this.#color(element, node);
    }
  }

  /** Forgets all tiles, before others are made. */
  clear() {
    this.#elements.clear();
    this.#chunks.clear();
    this.#observer.disconnect();
  }

  #fill(chunk) {
    const nodes = this.#chunks.get(chunk);
    if (nodes === undefined) return;
    this.#chunks.delete(chunk);
    this.#observer.unobserve(chunk);
    chunk.classList.remove("waiting");
    for (const node of nodes) {
      const { element, breaks } = this.#tile(node);
      this.#elements.set(node, element);
      chunk.append(element);
      if (breaks) chunk.append(document.createElement("br"));
    }
  }

  #tile(node) {
    const { text, special, hex } = this.token(this.#tree.nodes[node].token);
    const element = document.createElement("span");
    element.dataset.node = node;
    element.className = special ? "token special" : "token";
    if (text === null) element.classList.add("bytes");
    element.textContent = text === null
      ? hex
      : text === ""
      ? "∅"
      : visible(text);
    this.#color(element, node);
    return { element, breaks: text?.endsWith("\n") ?? false };
  }

  #color(element, node) {
    const { samples } = this.#tree.nodes[node];
    if (samples.length === 0) return;
    const { call: number, at } = samples[0];
    const call = this.#episode.calls[number];
    element.classList.add(
      call.untrainable === null ? "trained" : "untrainable",
    );
    if (call.clipped?.[at]) element.classList.add("clipped");
    const value = this.#paint.value(call, at);
    element.style.backgroundColor = value === null || value === undefined
      ? ""
      : this.#paint.color(value);
  }
}
