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
 * @returns Undefined where the two renderings differ in more than those messages, as with a template
 *   that looks at their content.
 */
export function splitHistory(
  rendered: string,
  marked: string,
  count: number,
): SplitHistory | undefined {
  const texts = splitAtMarks(marked, count);
  if (texts === undefined || !rendered.startsWith(texts[0]!)) return undefined;
  const bodies: string[] = [];
  let at = texts[0]!.length;
  for (let i = 1; i <= count; i++) {
    const text = texts[i]!;
    const end = i < count
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
