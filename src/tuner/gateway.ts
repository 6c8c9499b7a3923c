import type { Engine, EngineHealth } from "../engine/mod.ts";
import { ASTunerError } from "../errors.ts";
import type { Caller } from "./_answer.ts";
import { cutOffCause } from "./_cut_off_cause.ts";
import { HttpServer } from "./_http_server.ts";
import { invalidKey, newKey, presentedKey, sameKey } from "./_keys.ts";
import { PromptRenderer } from "./_prompt_renderer.ts";
import { type Backend, Session } from "./_session.ts";
import { createRoutes } from "./_routes.ts";
import type { AdapterHost } from "./adapter_host.ts";
import type { ChatEndpoint } from "./chat_endpoint.ts";
import type { ChatModel } from "./chat_model.ts";
import type { EpisodeSession, OpenEpisodeOptions } from "./episode_session.ts";

/** What a gateway serves, and where. */
export interface GatewayOptions extends GatewayServing {
  /** Samples the replies; the caller's own, and open for longer than the gateway. */
  readonly engine: Engine;
  /** Turns text into tokens and back. */
  readonly model: ChatModel;
  /**
   * Answers every request, whatever its key, and records nothing; speaks vLLM's interface too.
   * @default {false}
   */
  readonly open?: boolean;
  /** Sampling of requests to an open gateway where they say nothing. @default {{}} */
  readonly sampling?: OpenEpisodeOptions["sampling"];
  /** Loads adapters over vLLM's interface and serves each under its name, at an open gateway. */
  readonly adapters?: AdapterHost;
  /** Agents whose calls are sampled from the engine's adapter of their name. @default {[]} */
  readonly adapted?: readonly string[];
  /** Further variables of the chat template, such as `enable_thinking`. @default {{}} */
  readonly templateVariables?: Readonly<Record<string, unknown>>;
}

/** Which endpoint a gateway passes its requests on to, and where it listens. */
export interface EndpointGatewayOptions extends GatewayServing {
  /** Gives the replies. */
  readonly endpoint: ChatEndpoint;
}

/** Where and how a gateway serves, whatever stands behind it. */
export interface GatewayServing {
  /** Address to listen at. @default {"127.0.0.1"} */
  readonly host?: string;
  /** Port to listen at; 0 takes any that is free. @default {0} */
  readonly port?: number;
  /** Address that agents are given, where they reach it by another one. @default its own */
  readonly publicUrl?: string;
  /** Answers requests that the gateway does not know, where it does not return undefined. */
  readonly fallback?: (request: Request) => Promise<Response | undefined>;
  /** The name that agents send as `model`. @default {"policy"} */
  readonly modelName?: string;
  /** Largest request body. @default {8388608} */
  readonly maxBodyBytes?: number;
  /** Requests served at once; more are told to come back. @default {4096} */
  readonly maxInFlight?: number;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
  /** Told of what goes wrong beyond requests and engines: bugs. Without it, only the client is. */
  readonly onError?: (error: unknown) => void;
}

/**
 * The OpenAI-compatible HTTP server that workflows call.
 *
 * Each episode has an address and a key of its own. Text becomes token ids here and token ids text;
 * every call is recorded in its episode's token tree exactly as the engine saw it.
 */
export class Gateway {
  /** Where it listens, without a path. */
  readonly url: string;
  readonly #options: GatewayServing;
  readonly #backend: Backend;
  readonly #adapters: AdapterHost | undefined;
  readonly #sessions = new Map<string, Session>();
  /** Serves everybody, at an open gateway. */
  readonly #everybody: Session | undefined;
  readonly #routes: ReturnType<typeof createRoutes>;
  readonly #server: HttpServer;
  #closed = false;

  private constructor(
    options: GatewayOptions | EndpointGatewayOptions,
    server: HttpServer,
  ) {
    this.#server = server;
    this.url = server.url;
    const served = "engine" in options ? options : undefined;
    this.#options = options;
    this.#backend = backendOf(options);
    this.#adapters = served?.adapters;
    this.#routes = createRoutes({
      health: served ? () => served.engine.health() : alwaysHealthy,
      tokenizer: served?.model.tokenizer,
      authenticate: (request, episode) => this.#authenticate(request, episode),
      maxBodyBytes: options.maxBodyBytes ?? 8 * 1024 * 1024,
      maxInFlight: options.maxInFlight ?? 4096,
      now: options.now ?? Date.now,
      onError: options.onError ?? (() => {}),
      fallback: options.fallback,
      serving: served?.open
        ? {
          engine: served.engine,
          model: served.model,
          modelName: options.modelName ?? "policy",
          sampling: served.sampling ?? {},
          adapters: served.adapters,
        }
        : undefined,
    });
    if (served?.open) {
      // Without recording, a seed has no use: every call draws its own.
      const { sampling = {} } = served;
      this.#everybody = this.#open({ seed: 0, sampling }, false);
    }
  }

  /**
   * Starts a gateway; dispose of it to stop it.
   *
   * @throws {UserError} If it cannot listen at that address, or the model has no chat template.
   */
  static async start(
    options: GatewayOptions | EndpointGatewayOptions,
  ): Promise<Gateway> {
    let gateway: Gateway | undefined;
    const server = await HttpServer.listen(
      options,
      (request, client) => gateway!.#routes.fetch(request, client),
    );
    try {
      return gateway = new Gateway(options, server);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Gives an episode its address and key, which live until it is closed or aborted.
   *
   * @throws {ASTunerError} If the gateway has been stopped.
   */
  openEpisode(options: OpenEpisodeOptions): EpisodeSession {
    if (this.#closed) {
      throw new ASTunerError("Cannot open an episode: the gateway has stopped");
    }
    return this.#open(options, true);
  }

  /** Aborts all episodes and stops listening; the engine goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const open = [...this.#sessions.values()];
    await Promise.all(
      open.map((session) => session.abort("the gateway has stopped")),
    );
    await this.#server[Symbol.asyncDispose]();
  }

  #open(options: OpenEpisodeOptions, recording: boolean): Session {
    const {
      modelName = "policy",
      now = Date.now,
      publicUrl = this.url,
    } = this.#options;
    const { id, apiKey } = newKey();
    const session = new Session({
      id,
      baseUrl: `${publicUrl.replace(/\/+$/, "")}/e/${id}/v1`,
      apiKey,
      modelName,
      backend: this.#backend,
      recording,
      now,
      onEnd: () => this.#sessions.delete(id),
    }, options);
    this.#sessions.set(id, session);
    const { signal } = options;
    if (signal?.aborted) void session.abort(cutOffCause(signal));
    return session;
  }

  #authenticate(request: Request, episode?: string): Caller {
    const presented = presentedKey(request.headers);
    const agent = presented?.agent === undefined
      ? {}
      : { agent: presented.agent };
    if (this.#everybody) {
      const adapters = this.#adapters;
      return { session: this.#everybody, adapters, ...agent };
    }
    const session = this.#sessions.get(episode ?? presented?.episode ?? "");
    if (!session || !presented || !sameKey(presented.key, session.apiKey)) {
      throw invalidKey();
    }
    return { session, ...agent };
  }
}

function backendOf(options: GatewayOptions | EndpointGatewayOptions): Backend {
  if ("endpoint" in options) {
    return { kind: "endpoint", endpoint: options.endpoint };
  }
  const { engine, model, templateVariables, adapters, adapted } = options;
  const renderer = new PromptRenderer(model, templateVariables);
  return {
    kind: "engine",
    engine,
    model,
    renderer,
    adapters,
    adapted: adapted ?? [],
  };
}

/** An endpoint tells each request whether it can be served. */
function alwaysHealthy(): Promise<EngineHealth> {
  return Promise.resolve({ ok: true, running: 0, waiting: 0 });
}
