/** Characters that cannot be seen, or that change the order of others. */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u00ad\u034f\u115f\u1160\u3164\ufe00-\ufe0f]/gu;

const SPACES = new Map([[" ", "·"], ["\n", "⏎"], ["\t", "⇥"], ["\r", "␍"]]);

/**
 * A token's text with everything in it that cannot be seen made visible: spaces and line ends by
 * marks, control characters by their numbers.
 *
 * @param {string} text
 * @returns {string}
 */
export function visible(text) {
  return text
    .replace(/[ \n\t\r]/g, (space) => SPACES.get(space) ?? space)
    .replace(UNSEEN, escaped);
}

/**
 * A longer text with its spaces and line ends as they are, and every other character that cannot be
 * seen as its number.
 *
 * @param {string} text
 * @returns {string}
 */
export function readable(text) {
  return text.replace(UNSEEN, (mark) => mark === "\n" ? mark : escaped(mark));
}

/** @param {string} mark */
function escaped(mark) {
  const code = mark.codePointAt(0)?.toString(16).toUpperCase() ?? "";
  return `⟨U+${code.padStart(4, "0")}⟩`;
}
