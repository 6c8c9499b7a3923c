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
  /** Numbers of the messages that follow each one, by its number. */
  readonly #children = new Map<number, number[]>();

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

  #child(parent: number, message: ChatMessage): number {
    let children = this.#children.get(parent);
    if (children === undefined) this.#children.set(parent, children = []);
    const known = children.find((node) =>
      isAlike(this.#nodes[node]!.message, message)
    );
    if (known !== undefined) return known;
    const node = this.#nodes.push({ parent, message }) - 1;
    children.push(node);
    return node;
  }
}

/** Whether two JSON values say the same but for fields that are null, as clients add (`refusal: null`). */
function isAlike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object") return false;
  if (a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length &&
      a.every((item, at) => isAlike(item, b[at]));
  }
  const [fields, others] = [new Map(fieldsOf(a)), fieldsOf(b)];
  return fields.size === others.length &&
    others.every(([name, value]) => isAlike(fields.get(name), value));
}

function fieldsOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, field]) =>
    field !== null && field !== undefined
  );
}
