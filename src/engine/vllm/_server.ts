import { Ending } from "./_ending.ts";
import { ServerError, type ServerFailure } from "./_server_error.ts";

/** How a server is talked to. */
export interface ServerOptions {
  readonly url: string;
  readonly apiKey?: string;
  readonly fetch: typeof fetch;
}

/** One request to a server. */
export interface SendOptions {
  /** Sent as JSON, by POST; without it, the request is a GET. */
  readonly body?: unknown;
  /** @default POST with a body, else GET */
  readonly method?: "GET" | "POST";
  readonly signal?: AbortSignal;
}

/** How a server is doing. */
export interface ServerLoad {
  /** When its process was started, in seconds since 1970; undefined where it does not say. */
  readonly startedAt: number | undefined;
  /** Requests in its own queue. */
  readonly waiting: number;
}

/** How long a request about the server itself may take. */
const CONTROL_MS = 30_000;

/** A vLLM server's HTTP interface; every failure is a `ServerError`. */
export class Server {
  /** Without a path. */
  readonly url: string;
  readonly #headers: HeadersInit;
  readonly #fetch: typeof fetch;

  constructor({ url, apiKey, fetch }: ServerOptions) {
    this.url = url;
    this.#fetch = fetch;
    this.#headers = {
      "Content-Type": "application/json",
      ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey}` }),
    };
  }

  /** Sends a request; resolves when a good status has arrived. */
  async send(path: string, options: SendOptions = {}): Promise<Response> {
    const { body, signal } = options;
    const method = options.method ?? (body === undefined ? "GET" : "POST");
    let response: Response;
    try {
      response = await this.#fetch(`${this.url}${path}`, {
        method,
        headers: this.#headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      });
    } catch (cause) {
      throw this.error("unreachable", `does not answer: ${reasonOf(cause)}`, {
        cause,
      });
    }
    if (response.ok) return response;
    throw await this.#statusError(response, `${method} ${path}`);
  }

  /** Sends a request and reads the JSON of its answer, within `timeoutMs`. */
  async json(
    path: string,
    options: SendOptions & { readonly timeoutMs?: number } = {},
  ): Promise<unknown> {
    const text = await this.text(path, options);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw this.error(
        "broken",
        `answered ${path} with something other than JSON`,
        { cause },
      );
    }
  }

  /** Sends a request and reads its answer, within `timeoutMs`. */
  async text(
    path: string,
    options: SendOptions & { readonly timeoutMs?: number } = {},
  ): Promise<string> {
    const { timeoutMs = CONTROL_MS, signal, ...request } = options;
    let isLate = false;
    using ending = new Ending(signal);
    const timer = setTimeout(() => {
      isLate = true;
      ending.abort();
    }, timeoutMs);
    try {
      const response = await this.send(path, {
        ...request,
        signal: ending.signal,
      });
      const utf8 = new TextDecoder();
      let text = "";
      await ending.read(response.body, (bytes) => {
        text += utf8.decode(bytes, { stream: true });
      });
      return text + utf8.decode();
    } catch (error) {
      if (isLate) {
        const seconds = timeoutMs / 1000;
        throw this.error(
          "silent",
          `has not answered ${path} for ${seconds} s`,
          {
            cause: error,
          },
        );
      }
      if (error instanceof ServerError) throw error;
      throw this.error("broken", `broke off its answer: ${reasonOf(error)}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether it is well, and how busy. */
  async load(): Promise<ServerLoad> {
    await this.text("/health");
    const metrics = await this.text("/metrics");
    return {
      startedAt: sumOf(metrics, "process_start_time_seconds"),
      waiting: sumOf(metrics, "vllm:num_requests_waiting") ?? 0,
    };
  }

  /**
   * Adapters that it computes with at a time; undefined where it does not say, as before its first token, or where it
   * serves none.
   */
  async adapterRoom(): Promise<number | undefined> {
    const metrics = await this.text("/metrics");
    const room = /^vllm:lora_requests_info\{.*max_lora="(\d+)"/m.exec(metrics);
    return room === null ? undefined : Number(room[1]);
  }

  /** Whether it has a route for POST at `path`; nothing is changed by asking. */
  async hasRoute(path: string): Promise<boolean> {
    try {
      await this.text(path);
      return true;
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      if (error.failure === "missing") return false;
      if (error.failure === "refused") return true;
      throw error;
    }
  }

  /** An error that names the server. */
  error(
    failure: ServerFailure,
    message: string,
    options?: ErrorOptions,
  ): ServerError {
    return new ServerError(failure, `vLLM at ${this.url} ${message}`, options);
  }

  async #statusError(
    response: Response,
    request: string,
  ): Promise<ServerError> {
    const { status, headers } = response;
    const text = await response.text().catch(() => "");
    return new ServerError(
      failureOf(status),
      `vLLM at ${this.url} answered ${request} with ${status}: ${
        messageOf(text)
      }${KEY_STATUSES.includes(status) ? KEY_HINT : ""}`,
      { retryAfterMs: retryAfterMs(headers) },
    );
  }
}

/** Statuses by which a server refuses a key. */
const KEY_STATUSES = [401, 403];
const KEY_HINT =
  ": name the environment variable that holds its key in engine.api_key_env";

function failureOf(status: number): ServerFailure {
  if (status === 404) return "missing";
  if (status === 429 || status === 503) return "busy";
  // What stands before the server has got no answer from it.
  if (status === 502 || status === 504) return "unreachable";
  return status >= 500 ? "failed" : "refused";
}

/** The delay that a server asks for, in seconds or as a date; undefined where it does not. */
function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** The words in an error's body, in any of the forms that vLLM and what stands before it have. */
function messageOf(text: string): string {
  try {
    const { error, detail, message } = JSON.parse(text);
    const found = error?.message ?? error ?? detail ?? message;
    return typeof found === "string" ? found : JSON.stringify(found);
  } catch {
    return text.slice(0, 500) || "no further words";
  }
}

/** The words of the error at the root: fetch wraps what happened in others that say nothing. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

/** A metric in Prometheus' text form, over all its labels; undefined where there is none. */
function sumOf(metrics: string, name: string): number | undefined {
  const values = metrics.split("\n")
    .filter((line) =>
      line.startsWith(`${name} `) || line.startsWith(`${name}{`)
    )
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  return values.length === 0
    ? undefined
    : values.reduce((sum, value) => sum + value, 0);
}
