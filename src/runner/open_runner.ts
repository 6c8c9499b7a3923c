import { timingSafeEqual } from "node:crypto";
import { EpisodeError } from "../errors.ts";
import { checkOutput, noReward } from "./_check_output.ts";
import { type Offer, OpenEpisodes } from "./_open_episodes.ts";
import { OutsideRunner } from "./_outside_runner.ts";
import { parseAnswer } from "./_parse_answer.ts";
import { UsageError } from "./fenced/_usage_error.ts";
import type { EpisodeRunner } from "./types.ts";
import { workflowRequest } from "./workflow_protocol.ts";

/** Who may take part in a run. */
export interface OpenRunnerOptions {
  /** Opens the session API to whoever sends it as bearer token. */
  readonly key: string;
  /** Asked where an end leaves the reward open; closed with this runner. @default none */
  readonly judge?: EpisodeRunner & AsyncDisposable;
}

const PATH = /^\/v1\/episodes(?:\/([\w-]+)\/(end|abort))?\/?$/;

/** Seconds that a claim waits for an episode, unless it says otherwise, and at most. */
const WAIT_SECONDS = 20;
const MAX_WAIT_SECONDS = 60;

const MAX_BODY = 16 * 2 ** 20;

/**
 * Runs episodes by agents that come for them, from anywhere; see `workflowJsonSchemas`.
 *
 * An agent claims an episode by `POST /v1/episodes`, which answers with its task, URL and key, and
 * ends it by `POST /v1/episodes/ID/end` with the reward, or `/abort` with a reason. An episode's time
 * begins when it is claimed.
 */
export class OpenRunner extends OutsideRunner {
  readonly #key: string;
  readonly #isJudged: boolean;
  readonly #episodes: OpenEpisodes;

  /** A runner for agents that know `options.key`. */
  constructor({ key, judge }: OpenRunnerOptions) {
    const episodes = new OpenEpisodes();
    super({ workflow: episodes, judge, atOnce: Infinity });
    this.#key = key;
    this.#isJudged = judge !== undefined;
    this.#episodes = episodes;
  }

  /** Answers a request of the session API; undefined if it is none. */
  async handle(request: Request): Promise<Response | undefined> {
    const match = PATH.exec(new URL(request.url).pathname);
    if (match === null) return undefined;
    if (request.method !== "POST") {
      return refusal(405, "The session API takes POST requests");
    }
    const [, id, verb] = match;
    const offer = id === undefined ? undefined : this.#episodes.claimed(id);
    const keys = [this.#key, offer?.job.endpoint.apiKey];
    if (!presents(request, keys.filter((key) => key !== undefined))) {
      return refusal(401, wrongKey(request, id));
    }
    const body = await readBody(request);
    if (body === undefined) {
      return refusal(400, "The request body is not a JSON object");
    }
    if (id === undefined) return await this.#claim(request, body);
    if (offer === undefined) {
      return refusal(404, `There is no episode ${id} in progress`);
    }
    return verb === "end" ? this.#end(offer, body) : abort(offer, body);
  }

  async #claim(request: Request, body: Body): Promise<Response> {
    const { wait = WAIT_SECONDS } = body;
    if (typeof wait !== "number" || !(wait >= 0 && wait <= MAX_WAIT_SECONDS)) {
      const most = `a number of seconds up to ${MAX_WAIT_SECONDS}`;
      return refusal(400, `wait must be ${most}, got ${JSON.stringify(wait)}`);
    }
    const offer = await this.#episodes.claim(wait, request.signal);
    if (offer === undefined) {
      const message = "No episode waits for an agent now: ask again";
      return refusal(503, message, { "Retry-After": "1" });
    }
    const { task, endpoint } = offer.job;
    return Response.json({ id: offer.id, ...workflowRequest(task, endpoint) });
  }

  #end(offer: Offer, body: Body): Response {
    try {
      const { reward } = checkOutput(body, "workflow");
      if (reward === undefined && !this.#isJudged) {
        return refusal(400, noReward(this.#episodes.rewarding));
      }
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return refusal(400, error.message);
    }
    offer.end(body);
    return Response.json({ id: offer.id, status: "ended" });
  }
}

type Body = Readonly<Record<string, unknown>>;

function abort(offer: Offer, { reason }: Body): Response {
  const words = typeof reason === "string" ? `: ${reason}` : "";
  offer.abort(
    new EpisodeError("workflow", `The agent gave the episode up${words}`),
  );
  return Response.json({ id: offer.id, status: "aborted" });
}

/** The body as an object, an empty one being `{}`; undefined if it is neither. */
async function readBody(request: Request): Promise<Body | undefined> {
  if (Number(request.headers.get("content-length")) > MAX_BODY) return;
  const text = await request.text().catch(() => "null");
  if (text.trim() === "") return {};
  try {
    const body = parseAnswer(text);
    const isObject = typeof body === "object" && body !== null &&
      !Array.isArray(body);
    return isObject ? body as Body : undefined;
  } catch {
    return undefined;
  }
}

function wrongKey({ headers }: Request, id: string | undefined): string {
  if (!headers.has("authorization")) {
    return "The session API wants its key: send Authorization: Bearer KEY";
  }
  const ended = id === undefined ? "" : `, or episode ${id} has ended`;
  return `This key does not open the session API${ended}`;
}

function presents(request: Request, keys: readonly string[]): boolean {
  const header = request.headers.get("authorization") ?? "";
  const presented = digestible(header.replace(/^Bearer /i, ""));
  return keys.map(digestible).some((key) =>
    key.length === presented.length && timingSafeEqual(key, presented)
  );
}

function digestible(key: string): Uint8Array {
  return new TextEncoder().encode(key);
}

function refusal(
  status: number,
  message: string,
  headers: HeadersInit = {},
): Response {
  const type = status >= 500 ? "server_error" : "invalid_request_error";
  const error = { message, type, param: null, code: null };
  return Response.json({ error }, { status, headers });
}
