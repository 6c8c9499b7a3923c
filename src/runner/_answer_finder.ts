import { parseAnswer } from "./_parse_answer.ts";

/** Characters of a line that are kept; a longer one is no answer. */
const MAX_LINE = 64 * 2 ** 20;

/** Finds the last answer in what a program writes: a line of JSON that is a number or an object. */
export class AnswerFinder {
  /** The line that has not ended yet. */
  #pieces: string[] = [];
  #length = 0;
  #answer: unknown;

  /** Takes the next text; work is linear in it, however it is cut into lines. */
  push(text: string): void {
    const end = text.lastIndexOf("\n");
    if (end < 0) return this.#keep(text);
    const first = text.indexOf("\n");
    this.#keep(text.slice(0, first));
    const pending = this.#take();
    this.#answer = lastAnswer(text, { from: first + 1, to: end }) ??
      answerOf(pending) ?? this.#answer;
    this.#keep(text.slice(end + 1));
  }

  /** The last answer, once all of the text is there; undefined where there is none. */
  end(): unknown {
    return answerOf(this.#take()) ?? this.#answer;
  }

  #keep(text: string): void {
    this.#length += text.length;
    if (this.#length <= MAX_LINE) this.#pieces.push(text);
  }

  #take(): string {
    const line = this.#length <= MAX_LINE ? this.#pieces.join("") : "";
    this.#pieces = [];
    this.#length = 0;
    return line;
  }
}

/** The last answer among whole lines, looked for from the end. */
function lastAnswer(
  text: string,
  { from, to }: { readonly from: number; readonly to: number },
): unknown {
  for (let end = to; end > from;) {
    const start = Math.max(text.lastIndexOf("\n", end - 1) + 1, from);
    const answer = answerOf(text.slice(start, end));
    if (answer !== undefined) return answer;
    end = start - 1;
  }
  return undefined;
}

/** An answer, a number or an object; any other line is none. */
function answerOf(line: string): unknown {
  const number = /^\s*(-?\d[\d.eE+-]*)\s*$/.exec(line);
  if (number) return Number(number[1]);
  if (!/^\s*(?:NaN|-?Infinity|\{.*\})\s*$/.test(line)) return undefined;
  try {
    return parseAnswer(line);
  } catch {
    return undefined;
  }
}
