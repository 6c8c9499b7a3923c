import type { ChatMessage } from "../model/mod.ts";
import { ApiError } from "./api_error.ts";

/** Responses kept for a session; what is older is forgotten. */
const CAPACITY = 4096;

/** One turn of a conversation, linked to the one before. */
interface Turn {
  readonly previous: Turn | undefined;
  readonly messages: readonly ChatMessage[];
  /** Ids of the response's items. */
  readonly items: readonly string[];
}

/** The conversations behind a session's responses, for requests that name one to go on from. */
export class ResponseStore {
  readonly #turns = new Map<string, Turn>();
  /** The items of the responses in `#turns`. */
  readonly #items = new Map<string, unknown>();

  /**
   * The conversation up to and with response `id`.
   *
   * @throws {ApiError} 404 if it is not kept.
   */
  conversation(id: string): readonly ChatMessage[] {
    const turns: Turn[] = [];
    for (
      let turn: Turn | undefined = this.#find(id);
      turn !== undefined;
      turn = turn.previous
    ) turns.push(turn);
    return turns.reverse().flatMap(({ messages }) => messages);
  }

  /**
   * Item `id` of a response, for a request that refers to it.
   *
   * @param param The field that does.
   * @throws {ApiError} 404 if it is not kept.
   */
  item(id: string, param: string): unknown {
    const item = this.#items.get(id);
    if (item !== undefined) return item;
    throw new ApiError(
      404,
      `There is no item "${id}" to refer to: send the item itself as input`,
      { param },
    );
  }

  /** Keeps what response `id` adds to the conversation that it goes on from. */
  add(
    id: string,
    turn: {
      readonly previous: string | undefined;
      readonly messages: readonly ChatMessage[];
      readonly items: readonly { readonly id: string }[];
    },
  ): void {
    const previous = turn.previous === undefined
      ? undefined
      : this.#turns.get(turn.previous);
    const items = turn.items.map(({ id }) => id);
    this.#turns.set(id, { previous, messages: turn.messages, items });
    for (const item of turn.items) this.#items.set(item.id, item);
    if (this.#turns.size <= CAPACITY) return;
    const [oldest] = this.#turns.keys();
    for (const item of this.#turns.get(oldest!)!.items) {
      this.#items.delete(item);
    }
    this.#turns.delete(oldest!);
  }

  #find(id: string): Turn {
    const turn = this.#turns.get(id);
    if (turn !== undefined) return turn;
    throw new ApiError(
      404,
      `There is no response "${id}" to go on from: send the whole conversation as input`,
      { param: "previous_response_id", code: "previous_response_not_found" },
    );
  }
}
