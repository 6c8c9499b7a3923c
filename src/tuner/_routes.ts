import { type Context, Hono } from "../deps/hono.ts";
import type { EngineHealth } from "../engine/mod.ts";
import { answer, type AnswerOptions, type Caller } from "./_answer.ts";
import { chatDialect } from "./_chat_dialect.ts";
import { countTokens } from "./_count_tokens.ts";
import type { Dialect } from "./_dialect.ts";
import type { Env } from "./_http_server.ts";
import { messagesDialect } from "./_messages_dialect.ts";
import { responsesDialect } from "./_responses_dialect.ts";
import { addServingRoutes, type ServingOptions } from "./_serving_routes.ts";
import { toApiError } from "./_to_api_error.ts";
import { ApiError } from "./api_error.ts";

/** What the routes need of their gateway. */
export interface RouteOptions
  extends Omit<AnswerOptions, "limit" | "dialect" | "outgoing"> {
  readonly health: () => Promise<EngineHealth>;
  /**
   * Tells whose request it is.
   *
   * @param episode The episode's id, where the path has one.
   * @throws {ApiError} 401 if the key is not that episode's.
   */
  readonly authenticate: (request: Request, episode?: string) => Caller;
  /** Requests served at once. */
  readonly maxInFlight: number;
  /** What is served to everybody by vLLM's interface too; undefined where it is not. */
  readonly serving:
    | Pick<
      ServingOptions,
      "engine" | "model" | "modelName" | "sampling" | "adapters"
    >
    | undefined;
  /** Answers requests that no route is for. */
  readonly fallback:
    | ((request: Request) => Promise<Response | undefined>)
    | undefined;
}

/**
 * The gateway's HTTP interface: OpenAI's chat completions, Responses and models, Anthropic's
 * Messages, and the engine's health.
 */
export function createRoutes(options: RouteOptions): Hono<Env> {
  const { maxInFlight, now, onError } = options;
  const app = new Hono<Env>();
  let inFlight = 0;

  async function limit<T>(run: () => Promise<T>): Promise<T> {
    if (inFlight >= maxInFlight) throw tooBusy(maxInFlight);
    inFlight++;
    try {
      return await run();
    } finally {
      inFlight--;
    }
  }

  function caller(context: Context<Env>): Caller {
    return options.authenticate(
      context.req.raw,
      context.req.param("episode"),
    );
  }

  function models(context: Context<Env>): Response {
    const { session } = caller(context);
    const created = Math.floor(now() / 1000);
    const model = { object: "model", created, owned_by: "astuner" };
    return context.json({
      object: "list",
      data: [{ id: session.model, ...model }],
    });
  }

  async function health(context: Context<Env>): Promise<Response> {
    const { ok, running, waiting } = await options.health();
    const status = ok ? "ok" : "unavailable";
    return context.json({ status, running, waiting }, ok ? 200 : 503);
  }

  function reply(
    context: Context<Env>,
    dialect: Dialect,
  ): Promise<Response> {
    const { outgoing } = context.env;
    const answering = { ...options, dialect, limit, outgoing };
    return inItsWords(
      dialect,
      () => answer(context.req.raw, caller(context), answering),
    );
  }

  /** Errors are told as the dialect tells them. */
  async function inItsWords(
    dialect: Dialect,
    run: () => Promise<Response>,
  ): Promise<Response> {
    try {
      return await run();
    } catch (error) {
      const known = toApiError(error, onError);
      return known.toResponse(dialect.error(known));
    }
  }

  if (options.serving) {
    addServingRoutes(app, { ...options, ...options.serving, limit });
  }
  const responses = responsesDialect();
  for (const base of ["/e/:episode/v1", "/v1"]) {
    app.post(
      `${base}/chat/completions`,
      (context) => reply(context, chatDialect),
    );
    app.post(`${base}/responses`, (context) => reply(context, responses));
    // Anthropic's clients add /v1 themselves, also to a base URL that ends in it.
    for (const path of [`${base}/messages`, `${base}/v1/messages`]) {
      app.post(path, (context) => reply(context, messagesDialect));
      app.post(`${path}/count_tokens`, (context) =>
        inItsWords(
          messagesDialect,
          () => countTokens(context.req.raw, caller(context), options),
        ));
    }
    app.get(`${base}/models`, models);
  }
  app.get("/health", health);
  refuseOtherMethods(app);
  app.notFound(async ({ req }) =>
    await options.fallback?.(req.raw) ??
      new ApiError(404, `There is no ${req.method} ${req.path} here`)
        .toResponse()
  );
  app.onError((error) => toApiError(error, onError).toResponse());
  return app;
}

/** @throws {ApiError} 405, from every path that has a route, for methods that none is for. */
function refuseOtherMethods(app: Hono<Env>): void {
  for (const { path, method } of [...app.routes]) {
    app.all(path, ({ req }) => {
      throw new ApiError(405, `${req.path} takes ${method} requests`);
    });
  }
}

function tooBusy(maxInFlight: number): ApiError {
  return new ApiError(
    429,
    `${maxInFlight} requests are being served already: try again in a second`,
    { code: "rate_limit_exceeded", retryAfter: 1 },
  );
}
