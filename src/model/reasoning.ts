import { withoutStartOf } from "./_call_stream.ts";

const OPEN = "<think>";
const CLOSE = "</think>";

/** A reply, or a piece of it, with what the model thought first taken out of the text. */
export interface ReasonedReply {
  /** What stands between `<think>` and `</think>`. */
  readonly reasoning: string;
  /** What follows. */
  readonly content: string;
}

/**
 * Takes apart a reply that begins with a block of reasoning; white space at the block's edges belongs to it.
 *
 * @param opened Whether the prompt has opened the block already, as some chat templates do.
 */
export function splitReasoning(text: string, opened: boolean): ReasonedReply {
  const stream = new ReasoningStream(opened);
  const [pushed, held] = [stream.push(text), stream.end()];
  return {
    reasoning: pushed.reasoning + held.reasoning,
    content: pushed.content + held.content,
  };
}

/** A reply put together again, as chat templates take it apart. */
export function joinReasoning({ reasoning, content }: ReasonedReply): string {
  return `${OPEN}\n${reasoning}\n${CLOSE}\n\n${content}`;
}

/** Takes a reply apart while it is being written; the pieces add up to `splitReasoning` of the whole. */
export class ReasoningStream {
  #place: "start" | "reasoning" | "gap" | "content";
  #held = "";
  /** Whether nothing but white space of the block has come. */
  #fresh = true;

  /** @param opened Whether the prompt has opened the block already. */
  constructor(opened: boolean) {
    this.#place = opened ? "reasoning" : "start";
  }

  /** Takes the next text; returns what is certain by now and was not returned before. */
  push(text: string): ReasonedReply {
    this.#held += text;
    let reasoning = "";
    if (this.#place === "start") {
      const begun = this.#held.trimStart();
      if (begun.length < OPEN.length && OPEN.startsWith(begun)) {
        return { reasoning, content: "" };
      }
      const opens = begun.startsWith(OPEN);
      this.#place = opens ? "reasoning" : "content";
      if (opens) this.#held = begun.slice(OPEN.length);
    }
    if (this.#place === "reasoning") {
      if (this.#fresh) this.#held = this.#held.trimStart();
      const close = this.#held.indexOf(CLOSE);
      const before = close < 0
        ? withoutStartOf(CLOSE, this.#held)
        : this.#held.slice(0, close);
      reasoning = before.trimEnd();
      if (reasoning !== "") this.#fresh = false;
      if (close < 0) {
        this.#held = this.#held.slice(reasoning.length);
        return { reasoning, content: "" };
      }
      this.#held = this.#held.slice(close + CLOSE.length);
      this.#place = "gap";
    }
    if (this.#place === "gap") {
      this.#held = this.#held.trimStart();
      if (this.#held !== "") this.#place = "content";
    }
    const content = this.#held;
    this.#held = "";
    return { reasoning, content };
  }

  /** Ends the reply; returns what was held back. */
  end(): ReasonedReply {
    const held = this.#held;
    this.#held = "";
    return this.#place === "reasoning"
      ? { reasoning: held.trimEnd(), content: "" }
      : { reasoning: "", content: held };
  }
}
