import {
  emptyPrefix,
  extended,
  type Prefix,
  stubLogprob,
  stubLogprobs,
  stubToken,
} from "./_stub_policy.ts";

/** What a stub is like. */
export interface StubOptions {
  /** @default "0.20.0" */
  readonly version?: string;
  /** @default "base" */
  readonly model?: string;
  /** @default 512 */
  readonly maxContext?: number;
  /** @default 0 */
  readonly port?: number;
  /** @default "raw" */
  readonly logprobsMode?: "raw" | "processed";
  /** Adapters that it says to compute with at a time. @default none said */
  readonly maxLoras?: number;
  /** Whether it forgets adapters at once whose folder's path ends so. @default none */
  readonly forgets?: string;
  /** Routes that answer 404, as where a flag is not set. @default [] */
  readonly without?: readonly string[];
  /** Asks for this bearer token. @default none */
  readonly apiKey?: string;
  /** Tokens in an event. @default 1 */
  readonly chunk?: number;
  /**
   * Resolves before each event of a stream that began at `begun` (`performance.now`); never, to fall silent.
   * @default a task's turn
   */
  readonly pace?: (sampled: number, begun: number) => Promise<unknown>;
  /** Has the last say on each event before it is sent. @default as it is */
  readonly spoil?: (event: Json, sampled: number) => Json;
  /** Tokens after which a stop token is sampled, where the request has one. @default by chance, 1 in 16 */
  readonly length?: (prompt: readonly number[]) => number;
}

// deno-lint-ignore no-explicit-any -- protocol bodies are looked at field by field
export type Json = any;

const COMPLETION_FIELDS = new Set([
  "model",
  "prompt",
  "stream",
  "stream_options",
  "max_tokens",
  "temperature",
  "top_k",
  "top_p",
  "min_p",
  "repetition_penalty",
  "presence_penalty",
  "frequency_penalty",
  "seed",
  "stop_token_ids",
  "ignore_eos",
  "logprobs",
  "prompt_logprobs",
  "return_token_ids",
  "cache_salt",
]);

/**
 * Speaks vLLM's HTTP protocol and is strict about it: a field that it does not know is an error.
 * Its policy is a hash, so that every logprob can be checked (`stubLogprobs`).
 */
export class StubVllm implements AsyncDisposable {
  readonly url: string;
  /** Bodies of the completion requests, in order. */
  readonly requests: Json[] = [];
  /** What else was posted: the path, and the body. */
  readonly posts: [string, Json][] = [];
  /** Streams that clients closed before their end. */
  aborted = 0;
  running = 0;
  waiting = 0;
  sleeping = false;
  /** What the weights of the base model were last loaded from. */
  weights: string;
  startedAt = 1000;
  readonly adapters = new Map<string, string>();
  readonly #options: StubOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(options: StubOptions = {}) {
    this.#options = options;
    this.weights = this.model;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: options.port ?? 0,
      onListen() {},
    }, (request) => this.#answer(request));
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  get model(): string {
    return this.#options.model ?? "base";
  }

  /** Forgets all that a process forgets when it is started again. */
  restart(): void {
    this.adapters.clear();
    this.weights = this.model;
    this.startedAt++;
    this.sleeping = false;
  }

  /** Logprobs of every token under what is served as `model`. */
  logprobs(tokens: readonly number[], model: string = this.model): number[] {
    return stubLogprobs(this.#weightsOf(model)!, tokens);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { version = "0.20.0", without = [], apiKey, maxContext = 512 } =
      this.#options;
    const { maxLoras } = this.#options;
    const { pathname } = new URL(request.url);
    if (without.includes(pathname)) return failure(404, "Not Found");
    const isGuarded = pathname.startsWith("/v1");
    const key = request.headers.get("authorization");
    if (isGuarded && apiKey !== undefined && key !== `Bearer ${apiKey}`) {
      return Response.json({ error: "Unauthorized" }, { status: 401 });
    }
    const route = `${request.method} ${pathname}`;
    switch (route) {
      case "GET /health":
        return new Response();
      case "GET /version":
        return Response.json({ version });
      case "GET /metrics":
        return new Response(
          `process_start_time_seconds ${this.startedAt}\n` +
            `vllm:num_requests_running{engine="0"} ${this.running}\n` +
            `vllm:num_requests_waiting{engine="0"} ${this.waiting}\n` +
            `vllm:num_requests_waiting_by_reason{reason="capacity"} ${this.waiting}\n` +
            (maxLoras === undefined
              ? ""
              : `vllm:lora_requests_info{max_lora="${maxLoras}",running_lora_adapters="",waiting_lora_adapters=""} 1.7e+09\n`),
        );
      case "GET /v1/models":
        return Response.json({
          object: "list",
          data: [
            { id: this.model, max_model_len: maxContext, parent: null },
            ...[...this.adapters].map(([id, root]) => ({
              id,
              root,
              parent: this.model,
              max_model_len: null,
            })),
          ],
        });
    }
    if (!POST_ROUTES.has(pathname)) return failure(404, "Not Found");
    if (request.method !== "POST") return failure(405, "Method Not Allowed");
    const text = await request.text();
    const body = text === "" ? undefined : JSON.parse(text);
    if (pathname === "/v1/completions") return this.#complete(request, body);
    this.posts.push([pathname, body]);
    return this.#control(pathname, body);
  }

  #control(path: string, body: Json): Response {
    switch (path) {
      case "/v1/load_lora_adapter": {
        const { lora_name: name, lora_path: folder } = body;
        if (this.adapters.has(name)) {
          return failure(
            400,
            `The lora adapter '${name}' has already been loaded.`,
          );
        }
        if (folder.includes("missing")) {
          return failure(404, `No adapter found for ${folder}`);
        }
        const { forgets } = this.#options;
        if (forgets === undefined || !folder.endsWith(forgets)) {
          this.adapters.set(name, folder);
        }
        return new Response(
          `Success: LoRA adapter '${name}' added successfully.`,
        );
      }
      case "/v1/unload_lora_adapter":
        return this.adapters.delete(body.lora_name)
          ? new Response("Success")
          : failure(
            404,
            `The lora adapter '${body.lora_name}' cannot be found.`,
          );
      case "/collective_rpc":
        if (body.kwargs.weights_path.includes("missing")) {
          return failure(500, "Call to reload_weights failed");
        }
        this.weights = body.kwargs.weights_path;
        return Response.json({ results: [null] });
      case "/reset_prefix_cache":
        return Response.json({ success: true });
      case "/sleep":
        this.sleeping = true;
        return Response.json({ status: "sleeping" });
      default:
        this.sleeping = false;
        return Response.json({ status: "awake" });
    }
  }

  #complete(request: Request, body: Json): Response {
    this.requests.push(body);
    const { maxContext = 512 } = this.#options;
    const unknown = Object.keys(body).find((field) =>
      !COMPLETION_FIELDS.has(field)
    );
    if (unknown !== undefined) return failure(400, `unknown field ${unknown}`);
    const weights = this.#weightsOf(body.model);
    if (weights === undefined) {
      return failure(404, `The model \`${body.model}\` does not exist.`);
    }
    if (!(body.temperature >= 0 && body.temperature <= 2)) {
      return failure(400, "temperature must be in [0, 2]");
    }
    // A sequence that is only scored may fill the context.
    const room = maxContext - body.prompt.length;
    if (!(body.max_tokens >= 1) || body.max_tokens > room) {
      return failure(
        400,
        `max_tokens=${body.max_tokens} does not fit into the context`,
      );
    }
    if (this.sleeping) return failure(500, "The engine sleeps");
    return body.stream
      ? this.#stream(request, body, weights)
      : Response.json(this.#whole(body, weights));
  }

  #weightsOf(model: string): string | undefined {
    return model === this.model ? this.weights : this.adapters.get(model);
  }

  #whole(body: Json, weights: string): Json {
    const steps = [...this.#sample(body, weights)];
    const choice = this.#choice(body, steps);
    return {
      id: "cmpl-0",
      object: "text_completion",
      choices: [{
        ...choice,
        prompt_token_ids: body.return_token_ids ? body.prompt : null,
        prompt_logprobs: body.prompt_logprobs === undefined
          ? null
          : stubLogprobs(weights, body.prompt).map((logprob, at) =>
            at === 0 ? null : { [body.prompt[at]]: { logprob, rank: 1 } }
          ),
      }],
      usage: usage(body.prompt.length, steps.length),
    };
  }

  #stream(request: Request, body: Json, weights: string): Response {
    const { chunk = 1, spoil = (event: Json) => event, pace = turn } =
      this.#options;
    const utf8 = new TextEncoder();
    const samples = this.#sample(body, weights);
    const options = body.stream_options ?? {};
    const begun = performance.now();
    let sampled = 0;
    let isOpen = true;
    this.running++;
    const end = () => {
      if (isOpen) this.running--;
      isOpen = false;
    };
    const stream = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        await pace(sampled, begun);
        if (!isOpen) return;
        const steps: Step[] = [];
        while (steps.length < chunk) {
          const { value } = samples.next();
          if (value !== undefined) steps.push(value);
          if (value === undefined || value.finish !== null) break;
        }
        const event = {
          id: "cmpl-0",
          object: "text_completion",
          choices: [{
            ...this.#choice(body, steps),
            prompt_token_ids: sampled === 0 ? body.prompt : null,
          }],
        };
        sampled += steps.length;
        const counts = usage(body.prompt.length, sampled);
        const whole = options.continuous_usage_stats
          ? { ...event, usage: counts }
          : event;
        const send = (data: Json) =>
          controller.enqueue(utf8.encode(
            `data: ${
              typeof data === "string" ? data : JSON.stringify(data)
            }\n\n`,
          ));
        send(spoil(whole, sampled));
        if (steps.at(-1)!.finish === null) return;
        if (options.include_usage) {
          send(spoil({ id: "cmpl-0", choices: [], usage: counts }, sampled));
        }
        send("[DONE]");
        end();
        controller.close();
      },
      cancel: () => {
        this.aborted++;
        end();
      },
    }, { highWaterMark: 0 });
    request.signal.addEventListener("abort", end);
    return new Response(stream, {
      headers: { "content-type": "text/event-stream; charset=utf-8" },
    });
  }

  #choice(body: Json, steps: readonly Step[]): Json {
    const logprobs = steps.map(({ logprob }) => logprob);
    return {
      index: 0,
      text: "?".repeat(steps.length),
      logprobs: body.logprobs === undefined ? null : {
        text_offset: steps.map(() => 0),
        token_logprobs: logprobs,
        tokens: steps.map(() => "?"),
        top_logprobs: logprobs.map((logprob) => ({ "?": logprob })),
      },
      finish_reason: steps.at(-1)?.finish ?? null,
      stop_reason: null,
      token_ids: body.return_token_ids ? steps.map(({ token }) => token) : null,
    };
  }

  *#sample(body: Json, weights: string): Generator<Step> {
    const { logprobsMode = "raw", length } = this.#options;
    const stops: readonly number[] = body.stop_token_ids ?? [];
    let prefix: Prefix = emptyPrefix(weights);
    for (const id of body.prompt) prefix = extended(prefix, id);
    const end = length?.(body.prompt);
    for (let at = 1; at <= body.max_tokens; at++) {
      let token = stubToken(prefix, body.seed ?? 0);
      const isLast = end === undefined ? token % 16 === 0 : at >= end;
      if (stops.length > 0 && isLast) token = stops[0]!;
      else if (stops.includes(token)) token = (token + 1) % 256;
      const raw = stubLogprob(prefix, token);
      const tempered = body.temperature > 0 ? raw / body.temperature : raw;
      const logprob = logprobsMode === "raw"
        ? raw
        : body.top_k === 1
        ? 0
        : tempered;
      prefix = extended(prefix, token);
      const finish = stops.includes(token)
        ? "stop"
        : at === body.max_tokens
        ? "length"
        : null;
      yield { token, logprob, finish };
      if (finish !== null) return;
    }
  }
}

interface Step {
  readonly token: number;
  readonly logprob: number;
  readonly finish: "stop" | "length" | null;
}

const POST_ROUTES = new Set([
  "/v1/completions",
  "/v1/load_lora_adapter",
  "/v1/unload_lora_adapter",
  "/collective_rpc",
  "/reset_prefix_cache",
  "/sleep",
  "/wake_up",
]);

function usage(prompt: number, completion: number): Json {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
}

function failure(code: number, message: string): Response {
  return Response.json(
    { error: { message, type: "Error", param: null, code } },
    { status: code },
  );
}

/** Lets other tasks have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
