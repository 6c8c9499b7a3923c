import type { ChatMessage } from "../model/mod.ts";

/** Parent of a first message. */
const NO_MESSAGE = -1;

/** A message that stands in one history or several. */
export interface MessageNode {
  /** Number of the message before it; −1 where it opens its histories. */
  readonly parent: number;
  /** What was said. */
  readonly message: ChatMessage;
}

/** Where a call stands among the messages of its episode. */
export interface CallMessages {
  /** Number of the last message that the agent sent; −1 where it sent none. */
  readonly prompt: number;
  /** Number of the reply. */
  readonly reply: number;
}

/** An episode's messages, for people to read; histories that begin alike share their beginning. */
export class MessageTree {
  readonly #nodes: MessageNode[] = [];
  readonly #calls = new Map<string, CallMessages>();
  readonly #children = new Map<string, number>();

  /** The messages, by number. */
  get nodes(): readonly MessageNode[] {
    return this.#nodes;
  }

  /** Finds the messages of a call by its id; undefined where it had no reply. */
  find(call: string): CallMessages | undefined {
    return this.#calls.get(call);
  }

  /** Adds what an agent sent with a call, and what it was answered. */
  record(
    call: string,
    { messages, reply }: {
      readonly messages: readonly ChatMessage[];
      readonly reply: ChatMessage;
    },
  ): void {
    const prompt = messages.reduce(
      (parent, message) => this.#child(parent, message),
      NO_MESSAGE,
    );
    this.#calls.set(call, { prompt, reply: this.#child(prompt, reply) });
  }

  /** Nothing: an episode written as JSON has its token tree, which says the same exactly. */
  toJSON(): undefined {
    return undefined;
  }

  #child(parent: number, message: ChatMessage): number {
    const key = `${parent} ${JSON.stringify(message, plainly)}`;
    let child = this.#children.get(key);
    if (child === undefined) {
      child = this.#nodes.push({ parent, message }) - 1;
      this.#children.set(key, child);
    }
    return child;
  }
}

/** Leaves out what is null, as clients add (`refusal: null`), and the order of fields. */
function plainly(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== null)
      .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0),
  );
}
