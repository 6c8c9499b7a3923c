import type { ParsedReply, ToolCall, ToolStream } from "./tool_format.ts";

/** What a reader finds at the start of a text. */
export type Read =
  /** A call that takes `length` characters. */
  | { readonly kind: "call"; readonly call: ToolCall; readonly length: number }
  /** Something between calls that takes `length` characters. */
  | { readonly kind: "skip"; readonly length: number }
  /** Nothing certain before more has come. */
  | { readonly kind: "more" }
  /** No call. */
  | { readonly kind: "none" };

/** Reads the calls that follow an opening, one after the other. */
export type CallReader = (text: string) => Read;

/** How a family opens and writes its calls. */
export interface CallGrammar {
  /** Opens calls wherever it stands. */
  readonly marker: string;
  /** Opens calls where nothing but white space stands before it, and belongs to them; empty for none. */
  readonly bare: string;
  /** Starts to read what follows an opening. */
  readonly reader: () => CallReader;
}

/** Characters that can end a call; until one comes, a long one that has begun need not be looked at again. */
const CLOSERS = /[}\])]/;
const LONG = 256;

/**
 * Parses a reply whose calls have an opening but no closing of their own: they end with the last one that can be read.
 *
 * White space before the calls, and after the last one, belongs to them. What cannot be read as a call is content.
 */
export class CallStream implements ToolStream {
  readonly #grammar: CallGrammar;
  #mode: "start" | "text" | "calls" = "start";
  /** Text that nothing is certain of. */
  #held = "";
  /** What was taken since the opening, while no call has come of it. */
  #opening = "";
  /** Whether a call has come of the opening. */
  #called = false;
  #reader: CallReader | undefined;
  #waiting = false;
  #content = "";
  #toolCalls: ToolCall[] = [];

  constructor(grammar: CallGrammar) {
    this.#grammar = grammar;
  }

  push(text: string): ParsedReply {
    this.#held += text;
    if (this.#waiting && !CLOSERS.test(text) && this.#held.length > LONG) {
      return this.#reply();
    }
    this.#waiting = false;
    while (this.#step());
    return this.#reply();
  }

  end(): ParsedReply {
    const rest = this.#opening + this.#held;
    // After calls, only what is more than white space and separators is content.
    const read = this.#mode === "calls" && this.#called;
    if (!read || !/^[\s;,]*$/.test(rest)) this.#content += rest;
    this.#held = this.#opening = "";
    this.#mode = "start";
    this.#waiting = false;
    return this.#reply();
  }

  /** Does what is certain by now; false where more has to come. */
  #step(): boolean {
    switch (this.#mode) {
      case "start":
        return this.#readStart();
      case "text":
        return this.#readText();
      case "calls":
        return this.#readCalls();
    }
  }

  #readStart(): boolean {
    const { bare, marker } = this.#grammar;
    const begun = this.#held.trimStart();
    if (begun === "") return false;
    if (bare !== "" && begun.startsWith(bare)) {
      this.#open(this.#held.length - begun.length, 0);
    } else if (bare !== "" && bare.startsWith(begun)) {
      return false;
    } else if (marker !== begun && marker.startsWith(begun)) {
      return false;
    } else {
      this.#mode = "text";
    }
    return true;
  }

  #readText(): boolean {
    const { marker } = this.#grammar;
    const at = this.#held.indexOf(marker);
    const before = at < 0
      ? withoutStartOf(marker, this.#held)
      : this.#held.slice(0, at);
    const certain = before.trimEnd().length;
    this.#content += this.#held.slice(0, certain);
    this.#held = this.#held.slice(certain);
    if (at < 0) return false;
    this.#open(at - certain, marker.length);
    return true;
  }

  /** Begins to read calls; the white space and the marker before them come back if there are none. */
  #open(space: number, marker: number): void {
    this.#opening = this.#held.slice(0, space + marker);
    this.#held = this.#held.slice(space + marker);
    this.#reader = this.#grammar.reader();
    this.#called = false;
    this.#mode = "calls";
  }

  #readCalls(): boolean {
    const read = this.#reader!(this.#held);
    switch (read.kind) {
      case "more":
        this.#waiting = true;
        return false;
      case "call":
        this.#toolCalls.push(read.call);
        this.#opening = "";
        this.#called = true;
        break;
      case "skip":
        if (!this.#called) this.#opening += this.#held.slice(0, read.length);
        break;
      case "none":
        this.#content += this.#opening;
        this.#opening = "";
        this.#mode = "text";
        return this.#held !== "";
    }
    this.#held = this.#held.slice(read.length);
    return true;
  }

  #reply(): ParsedReply {
    const reply = { content: this.#content, toolCalls: this.#toolCalls };
    this.#content = "";
    this.#toolCalls = [];
    return reply;
  }
}

/** `text` without a tail that may turn out to begin `marker`. */
export function withoutStartOf(marker: string, text: string): string {
  let length = Math.min(marker.length - 1, text.length);
  while (!text.endsWith(marker.slice(0, length))) length--;
  return text.slice(0, text.length - length);
}
