import { assertAlmostEquals, assertEquals, assertTrue } from "../assert.ts";

/** A server that speaks vLLM's interface. */
export interface Server {
  /** Without a path. */
  readonly url: string;
  /** The first model that it lists. */
  readonly model: string;
  /** That model's folder. */
  readonly folder: string;
}

/** One thing that such a server must do. */
export interface Contract {
  readonly name: string;
  readonly check: (server: Server) => Promise<void>;
}

// deno-lint-ignore no-explicit-any -- answers are looked at field by field
export type Json = any;

/** Ids that every model has. */
export const PROMPT = [5, 6, 7, 8];
/** Two computations of the same logprob, in batches of other sizes, differ by less. */
const SAME = 2e-2;

/** Posts a request, for the server's own model where it names none; throws an error's body. */
export async function post(
  { url, model }: Server,
  path: string,
  body: Json,
): Promise<Json> {
  const response = await request(url, path, { model, ...body });
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

/** Posts JSON. */
export function request(
  url: string,
  path: string,
  body: Json,
): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** A request of ids for ids. */
export function asked(changes: Json = {}): Json {
  return {
    prompt: PROMPT,
    max_tokens: 12,
    temperature: 1,
    top_k: 0,
    top_p: 1,
    seed: 11,
    ignore_eos: true,
    logprobs: 0,
    return_token_ids: true,
    ...changes,
  };
}

/** Posts such a request. */
export async function complete(
  server: Server,
  changes: Json = {},
): Promise<Json> {
  return await post(server, "/v1/completions", asked(changes));
}

/** The data of all events; fails unless the stream ends as it should. */
export async function stream(
  { url, model }: Server,
  path: string,
  body: Json,
): Promise<Json[]> {
  const response = await request(url, path, { model, ...body, stream: true });
  assertTrue(response.ok, `status ${response.status}`);
  const type = response.headers.get("content-type") ?? "";
  assertTrue(type.startsWith("text/event-stream"), type);
  const events = (await response.text()).split("\n\n");
  assertEquals(events.splice(-2), ["data: [DONE]", ""]);
  return events.map((event) => JSON.parse(event.slice("data: ".length)));
}

/** Status of a refused request, and the type of its error's message. */
export async function errorOf(
  { url, model }: Server,
  path: string,
  body: Json,
): Promise<[number, string]> {
  const response = await request(url, path, { model, ...body });
  const { error } = await response.json();
  return [response.status, typeof error.message];
}

/** Fails unless two lists of logprobs are the same but for rounding. */
export function assertClose(a: readonly number[], b: readonly number[]): void {
  assertEquals(a.length, b.length);
  a.forEach((value, at) => assertAlmostEquals(value, b[at]!, SAME));
}
