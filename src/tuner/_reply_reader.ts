import {
  type ParsedReply,
  StreamDecoder,
  type Tokenizer,
  type ToolCall,
  type ToolStream,
} from "../model/mod.ts";
import { StopScanner } from "./_stop_scanner.ts";

/** How a reply is read from its tokens. */
export interface ReplyReaderOptions {
  readonly tokenizer: Tokenizer;
  /** Whether the reply goes on from a text: some of the prompt is no special token. */
  readonly continues: boolean;
  /** Ids that end the reply without being part of its text. */
  readonly stopTokens: ReadonlySet<number>;
  /** Texts that end the reply without being part of it. */
  readonly stops: readonly string[];
  /** Takes tool calls out of the text; left out where the request wants none. */
  readonly tools?: ToolStream | undefined;
  /** The beginning of a tool call that the prompt ends with. */
  readonly forced: string;
  /** Ends the reply after its first tool call. */
  readonly oneCall: boolean;
}

/** What an agent is shown of a sample. */
export interface Reply extends ParsedReply {
  /** The sampled text behind content and tool calls. */
  readonly text: string;
  /** Sampled ids that were read; those beyond a stop text are no part of the reply. */
  readonly sampled: number;
  /** What ended the reply before the sample's own end; absent where it is shown whole. */
  readonly cut?: "was cut at a stop text" | "was cut after its first tool call";
  /** The stop text that ended it; absent where none did. */
  readonly stop?: string;
}

const NOTHING: ParsedReply = { content: "", toolCalls: [] };

/** Turns sampled ids into a reply, piece by piece. */
export class ReplyReader {
  readonly #options: ReplyReaderOptions;
  readonly #decoder: StreamDecoder;
  readonly #scanner: StopScanner;
  #text = "";
  /** Text after the first tool call, where only one is wanted. */
  #hidden = "";
  #content = "";
  readonly #toolCalls: ToolCall[] = [];
  #sampled = 0;
  #stop: string | undefined;

  constructor(options: ReplyReaderOptions) {
    const { tokenizer, continues, stops, tools, forced } = options;
    this.#options = options;
    this.#decoder = new StreamDecoder(tokenizer, { continues });
    this.#scanner = new StopScanner(stops);
    tools?.push(forced);
  }

  /** Whether a stop text may end the reply before its sample ends. */
  get canStop(): boolean {
    return this.#options.stops.length > 0;
  }

  /** Whether a stop text was completed: further ids are left unread. */
  get stopped(): boolean {
    return this.#stop !== undefined;
  }

  /** Sampled ids read so far. */
  get sampled(): number {
    return this.#sampled;
  }

  /** Takes the next ids; returns what of the reply is certain by now and new. */
  push(ids: readonly number[]): ParsedReply {
    const { stopTokens, oneCall } = this.#options;
    // Id by id only where it matters at which id the reply ends.
    const step = this.canStop || oneCall ? 1 : ids.length;
    let news = NOTHING;
    for (let at = 0; at < ids.length && !this.stopped; at += step) {
      const next = ids.slice(at, at + step);
      this.#sampled += next.length;
      const text = this.#decoder.push(next.filter((id) => !stopTokens.has(id)));
      news = joined(news, this.#read(this.#scan(text)));
    }
    return news;
  }

  /** Ends the reply; returns what of it was held back. */
  end(): ParsedReply {
    const text = this.#scan(this.#decoder.end());
    const news = this.#read(text + this.#scanner.end());
    const held = this.#options.tools?.end();
    return held === undefined ? news : joined(news, this.#show(held));
  }

  /** The whole reply, once it has ended. */
  reply(): Reply {
    const whole = this.#hidden.trim() === "";
    const cut = this.stopped
      ? "was cut at a stop text"
      : whole
      ? undefined
      : "was cut after its first tool call";
    return {
      content: this.#content,
      toolCalls: this.#toolCalls,
      text: whole ? this.#text + this.#hidden : this.#text,
      sampled: this.#sampled,
      ...(cut && { cut }),
      ...(this.#stop !== undefined && { stop: this.#stop }),
    };
  }

  #scan(text: string): string {
    if (text === "" || this.stopped) return "";
    const found = this.#scanner.push(text);
    this.#stop = found.stop;
    return found.text;
  }

  #read(text: string): ParsedReply {
    if (text === "") return NOTHING;
    if (this.#isFull()) {
      this.#hidden += text;
      return NOTHING;
    }
    this.#text += text;
    const { tools } = this.#options;
    return this.#show(tools?.push(text) ?? { content: text, toolCalls: [] });
  }

  #show(piece: ParsedReply): ParsedReply {
    if (this.#isFull()) return NOTHING;
    this.#content += piece.content;
    this.#toolCalls.push(...piece.toolCalls);
    return piece;
  }

  #isFull(): boolean {
    return this.#options.oneCall && this.#toolCalls.length > 0;
  }
}

function joined(a: ParsedReply, b: ParsedReply): ParsedReply {
  if (a === NOTHING) return b;
  if (b === NOTHING) return a;
  return {
    content: a.content + b.content,
    toolCalls: [...a.toolCalls, ...b.toolCalls],
  };
}
