import { EpisodeError } from "../errors.ts";
import { fetchReason } from "../fetch_reason.ts";
import { parseAnswer } from "./_parse_answer.ts";
import {
  type OutsidePlay,
  OutsideRunner,
  type OutsideWorkflow,
} from "./_outside_runner.ts";
import type { EpisodeJob, EpisodeRunner } from "./types.ts";
import { workflowRequest } from "./workflow_protocol.ts";

/** A workflow that is a service. */
export interface HttpRunnerOptions {
  /** Where each episode is posted. */
  readonly url: string | URL;
  /** Asked where an answer leaves the reward open; closed with this runner. @default none */
  readonly judge?: EpisodeRunner & AsyncDisposable;
  /** Requests in progress at the same time. @default 1024 */
  readonly atOnce?: number;
  /** Sends the requests. @default {globalThis.fetch} */
  readonly fetch?: typeof globalThis.fetch;
}

/** Bytes of an answer that are read. */
const MAX_ANSWER = 64 * 2 ** 20;

/** Characters of a refusal that are told. */
const MAX_REFUSAL = 500;

/** Runs episodes at a service: the task and endpoint in, the reward out; see `workflowJsonSchemas`. */
export class HttpRunner extends OutsideRunner {
  /** A runner that posts to `options.url`. */
  constructor(options: HttpRunnerOptions) {
    const { judge, atOnce = 1024 } = options;
    super({ workflow: new HttpWorkflow(options), judge, atOnce });
  }
}

class HttpWorkflow implements OutsideWorkflow {
  readonly rewarding = 'answer with it, as in {"reward": 1}';
  readonly #url: string;
  readonly #fetch: typeof globalThis.fetch;

  constructor({ url, fetch = globalThis.fetch }: HttpRunnerOptions) {
    this.#url = String(url);
    this.#fetch = fetch;
  }

  async play(
    { task, endpoint }: EpisodeJob,
    { signal, start }: OutsidePlay,
  ): Promise<unknown> {
    start();
    const answer = await this.#post(workflowRequest(task, endpoint), signal);
    const text = await this.#read(answer);
    const words = text.slice(0, MAX_REFUSAL).trim();
    const place = answer.headers.get("location");
    if (!answer.ok && place !== null) {
      throw this.#failure(
        `answered ${answer.status}, a redirection: set workflow.url to ${place}`,
      );
    }
    if (!answer.ok) {
      throw this.#failure(`answered ${answer.status}${words && `: ${words}`}`);
    }
    if (words === "") throw this.#failure("answered nothing");
    try {
      return parseAnswer(text);
    } catch (cause) {
      throw this.#failure(`answered what is not JSON: ${words}`, cause);
    }
  }

  async #post(body: unknown, signal: AbortSignal): Promise<Response> {
    try {
      return await this.#fetch(this.#url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        // A POST that is redirected mostly arrives as a GET, without the task.
        redirect: "manual",
        signal,
      });
    } catch (cause) {
      throw this.#failure(`cannot be reached: ${fetchReason(cause)}`, cause);
    }
  }

  async #read({ body }: Response): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    let bytes = 0;
    try {
      for await (const piece of body ?? []) {
        bytes += piece.byteLength;
        if (bytes > MAX_ANSWER) break;
        text += decoder.decode(piece, { stream: true });
      }
    } catch (cause) {
      throw this.#failure("broke off its answer", cause);
    }
    if (bytes <= MAX_ANSWER) return text + decoder.decode();
    throw this.#failure(`answered more than ${MAX_ANSWER} bytes`);
  }

  #failure(what: string, cause?: unknown): EpisodeError {
    const message = `The workflow at ${this.#url} ${what}`;
    return new EpisodeError("workflow", message, { cause });
  }
}
