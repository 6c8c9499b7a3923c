import type { ChatMessage } from "../../model/mod.ts";
import type { Exchange } from "./types.ts";

/** Parent of a first message. */
const NO_MESSAGE = -1;

/** A message that stands in one history or several. */
export interface MessageNode {
  readonly parent: number;
  readonly message: ChatMessage;
}

/** Where a call stands among the messages of its episode. */
export interface CallMessages {
  /** Number of the last message that the agent sent; −1 where it sent none. */
  readonly prompt: number;
  /** Number of the reply. */
  readonly reply: number;
}

/** An episode's messages; histories that begin alike share their beginning. */
export class MessageTree {
  /** By number. */
  readonly nodes: MessageNode[] = [];
  /** By the id of the call. */
  readonly calls = new Map<string, CallMessages>();
  readonly #children = new Map<string, number>();

  constructor(exchanges: readonly Exchange[]) {
    for (const { call, messages, reply } of exchanges) {
      const prompt = messages.reduce(
        (parent, message) => this.#child(parent, message),
        NO_MESSAGE,
      );
      this.calls.set(call, { prompt, reply: this.#child(prompt, reply) });
    }
  }

  #child(parent: number, message: ChatMessage): number {
    const key = `${parent} ${JSON.stringify(message)}`;
    let child = this.#children.get(key);
    if (child === undefined) {
      child = this.nodes.push({ parent, message }) - 1;
      this.#children.set(key, child);
    }
    return child;
  }
}
