import { EpisodeError } from "../errors.ts";
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

/** Characters of a refusal that are told. */
const MAX_REFUSAL = 2000;

/** Runs episodes at a service: the task and endpoint in, the reward out; see `workflowJsonSchemas`. */
export class HttpRunner extends OutsideRunner {
  /** A runner that posts to `options.url`. */
  constructor(options: HttpRunnerOptions) {
    const { judge, atOnce = 1024 } = options;
    super({ workflow: new HttpWorkflow(options), judge, atOnce });
  }
}

class HttpWorkflow implements OutsideWorkflow {
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
    const text = await answer.text().catch((cause) => {
      throw this.#failure("broke off its answer", cause);
    });
    if (!answer.ok) {
      const words = text.slice(0, MAX_REFUSAL).trim();
      throw this.#failure(`answered ${answer.status}${words && `: ${words}`}`);
    }
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw this.#failure("answered something that is not JSON", cause);
    }
  }

  async #post(body: unknown, signal: AbortSignal): Promise<Response> {
    try {
      return await this.#fetch(this.#url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal,
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw this.#failure(`cannot be reached: ${reason}`, cause);
    }
  }

  #failure(what: string, cause?: unknown): EpisodeError {
    const message = `The workflow at ${this.#url} ${what}`;
    return new EpisodeError("workflow", message, { cause });
  }
}
