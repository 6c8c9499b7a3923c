/** A rendered conversation, taken apart where its assistant's messages stand. */
export interface SplitHistory {
  /** What the template writes before, between and after the messages: one text more than bodies. */
  readonly texts: readonly string[];
  /** What the template makes of each message. */
  readonly bodies: readonly string[];
}

/** Stands in for an assistant's message; letters and digits alone, as no template changes those. */
const MARK = "astuner" + crypto.randomUUID().replaceAll("-", "") + "message";

/** The text that stands in for the assistant's message number `index`. */
export function historyMark(index: number): string {
  return `${MARK}${index}end`;
}

/**
 * Finds the assistant's messages in a rendered conversation.
 *
 * @param rendered The conversation.
 * @param marked The same conversation with the content of each of its `count` assistant's messages
 *   replaced by `historyMark`, and nothing else in them.
 * @returns Undefined where the two renderings differ in more than those messages and the white space
 *   around them, as with a template that looks at their content.
 */
export function splitHistory(
  rendered: string,
  marked: string,
  count: number,
): SplitHistory | undefined {
  const texts = splitAtMarks(marked, count);
  if (texts === undefined) return undefined;
  const bare = withoutOuterSpace(texts);
  return splitAt(rendered, texts) ??
    (bare.slice(1, -1).includes("") ? undefined : splitAt(rendered, bare));
}

/**
 * A rendering whose marks stand as names of tool calls, with each such call replaced by its mark alone.
 *
 * @param marked Begun by no other than `opening`, calls end before the next of `endings`.
 */
export function bareMarks(
  marked: string,
  { opening, endings }: {
    readonly opening: string;
    readonly endings: readonly string[];
  },
): string {
  const [first, ...rest] = marked.split(opening);
  return rest.reduce((text, piece) => {
    const mark = CALL_MARK.exec(piece)?.[0];
    const ends = endings.map((ending) => piece.indexOf(ending))
      .filter((at) => at >= 0);
    return mark === undefined || ends.length === 0
      ? text + opening + piece
      : text + mark + piece.slice(Math.min(...ends));
  }, first!);
}

const CALL_MARK = new RegExp(`${MARK}\\d+end`);

function splitAt(
  rendered: string,
  texts: readonly string[],
): SplitHistory | undefined {
  if (!rendered.startsWith(texts[0]!)) return undefined;
  const bodies: string[] = [];
  let at = texts[0]!.length;
  for (const [i, text] of texts.entries()) {
    if (i === 0) continue;
    const end = i < texts.length - 1
      ? rendered.indexOf(text, at)
      : rendered.endsWith(text)
      ? rendered.length - text.length
      : -1;
    if (end < at) return undefined;
    bodies.push(rendered.slice(at, end));
    at = end + text.length;
  }
  return { texts, bodies };
}

/** The texts around messages without the white space next to them, which counts to the messages then. */
function withoutOuterSpace(texts: readonly string[]): string[] {
  return texts.map((text, i) => {
    const begun = i === 0 ? text : text.trimStart();
    return i === texts.length - 1 ? begun : begun.trimEnd();
  });
}

function splitAtMarks(marked: string, count: number): string[] | undefined {
  const texts: string[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const mark = historyMark(i);
    const found = marked.indexOf(mark, at);
    if (found < 0) return undefined;
    texts.push(marked.slice(at, found));
    at = found + mark.length;
  }
  texts.push(marked.slice(at));
  return texts.some((text) => text.includes(MARK)) ? undefined : texts;
}
