import { timingSafeEqual } from "node:crypto";
import { ApiError } from "./api_error.ts";

/** An API key taken apart: `sk-EPISODE-SECRET`, perhaps with `:AGENT` behind it. */
export interface PresentedKey {
  /** The key without the agent. */
  readonly key: string;
  readonly episode: string;
  readonly agent?: string;
}

/** A key that nobody can guess, 160 random bits, and the id of its episode, which it carries. */
export function newKey(): { readonly id: string; readonly apiKey: string } {
  const id = randomHex(8);
  return { id, apiKey: `sk-${id}-${randomHex(20)}` };
}

/** Takes the key that a request presents apart; undefined where it presents none of ours. */
export function presentedKey(headers: Headers): PresentedKey | undefined {
  // Anthropic's clients send it bare, in a header of its own.
  const presented = headers.get("x-api-key") ??
    headers.get("authorization")?.replace(/^Bearer /i, "");
  const match = /^(sk-([0-9a-f]+)-[0-9a-f]+)(?::(.*))?$/i.exec(
    presented ?? "",
  );
  if (match === null) return undefined;
  const [, key, episode, agent] = match;
  return { key: key!, episode: episode!, ...(agent && { agent }) };
}

/** Whether two keys are the same; takes as long wherever they differ. */
export function sameKey(a: string, b: string): boolean {
  const utf8 = new TextEncoder();
  const [x, y] = [utf8.encode(a), utf8.encode(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}

/** The answer to a key that opens nothing. */
export function invalidKey(): ApiError {
  return new ApiError(
    401,
    "This API key is not valid here: its episode has ended, or it belongs to another address",
    { code: "invalid_api_key" },
  );
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
