import type { Task } from "../../src/reader/mod.ts";
import type {
  EpisodeHost,
  HostedEpisode,
  RolloutOptions,
} from "../../src/rollout/mod.ts";
import type {
  EpisodeJob,
  EpisodeResult,
  EpisodeRunner,
} from "../../src/runner/mod.ts";
import { TokenTree } from "../../src/tracker/mod.ts";
import type { OpenEpisodeOptions } from "../../src/tuner/mod.ts";

/** A session that keeps what was done to it. */
export class TestSession implements HostedEpisode {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly model = "policy";
  readonly tree: TokenTree = new TokenTree();
  readonly options: OpenEpisodeOptions;
  inFlight = 0;
  lastActivity: number = Date.now();
  ended = false;
  abortedFor: string | undefined;

  constructor(baseUrl: string, number: number, options: OpenEpisodeOptions) {
    this.baseUrl = baseUrl;
    this.apiKey = `key-${number}`;
    this.options = options;
  }

  /** Records a call of three tokens, two of them sampled. */
  record(): void {
    this.tree.record({
      id: `call-${this.tree.calls.length}`,
      agent: "default",
      prompt: [1],
      tokens: [2, 3],
      logprobs: [-1, -1],
      temperature: 1,
      finishReason: "stop",
      policyVersion: 0,
    });
  }

  close(): Promise<void> {
    this.ended = true;
    return Promise.resolve();
  }

  abort(reason: string): Promise<void> {
    this.abortedFor ??= reason;
    return this.close();
  }
}

/** Stands in for the gateway: a server that answers any call, and the sessions it gave out. */
export class TestHost implements EpisodeHost, AsyncDisposable {
  readonly sessions: TestSession[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** `host:port` of the server. */
  get address(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  openEpisode(options: OpenEpisodeOptions): TestSession {
    const base = `http://${this.address}/v1`;
    const session = new TestSession(base, this.sessions.length, options);
    this.sessions.push(session);
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #answer(request: Request): Response {
    const key = request.headers.get("authorization")?.replace("Bearer ", "");
    const session = this.sessions.find(({ apiKey }) => apiKey === key);
    if (session === undefined || session.ended) {
      return new Response("invalid key", { status: 401 });
    }
    session.record();
    session.lastActivity = Date.now();
    return Response.json({ choices: [{ message: { content: "hello" } }] });
  }
}

/** Plays episodes as `script` says, in this process. */
export function scripted(
  script: (job: EpisodeJob) => Promise<EpisodeResult> | EpisodeResult,
): EpisodeRunner {
  return {
    run(job) {
      job.onStart?.();
      return Promise.try(script, job);
    },
  };
}

/** A finished episode's result. */
export function finish(reward: number): EpisodeResult {
  const outcome = { reward, success: reward > 0, metadata: {}, metrics: {} };
  return { kind: "finished", outcome, log: "" };
}

/** `count` tasks, called by their numbers. */
export function makeTasks(count: number, query = "behave"): Task[] {
  return Array.from({ length: count }, (_, index) => ({
    id: String(index),
    query,
    metadata: { index },
    split: "train",
  }));
}

/** Options that hold in most tests. */
export const DEFAULTS: Pick<
  RolloutOptions,
  "seed" | "step" | "backoffSeconds"
> = { seed: 1, step: 3, backoffSeconds: 0 };
