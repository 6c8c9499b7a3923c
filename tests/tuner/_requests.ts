import type { GenerateRequest } from "../../src/engine/mod.ts";
import {
  type ChatModel,
  type EpisodeSession,
  Gateway,
  type GatewayOptions,
} from "../../src/tuner/mod.ts";
import { type Script, ScriptedEngine } from "./_scripted_engine.ts";
import { testModel } from "./_test_model.ts";

// deno-lint-ignore no-explicit-any -- answers are looked at field by field
export type Json = any;

export const USER = { role: "user", content: "Hello" };

export const CALCULATOR = {
  type: "function",
  function: {
    name: "calculator",
    description: "Evaluates an expression",
    parameters: {
      type: "object",
      properties: { expression: { type: "string" } },
    },
  },
};

/** A gateway over a scripted engine, with one episode open. */
export interface TestGateway extends AsyncDisposable {
  readonly engine: ScriptedEngine;
  readonly gateway: Gateway;
  readonly session: EpisodeSession;
  readonly model: ChatModel;
}

/** Starts a gateway over an engine that samples what `script` says. */
export async function startGateway(
  script: Script | ((request: GenerateRequest, index: number) => Script),
  options: Partial<GatewayOptions> & { readonly maxContext?: number } = {},
): Promise<TestGateway> {
  const { model = testModel(), maxContext = 4096, ...rest } = options;
  const engine = new ScriptedEngine(
    typeof script === "function" ? script : () => script,
    { maxContext },
  );
  const gateway = await Gateway.start({ engine, model, ...rest });
  return {
    engine,
    gateway,
    model,
    session: gateway.openEpisode({ seed: 1 }),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

/** Posts a chat completion request; `model` and a user's message are filled in. */
export function postChat(
  session: Pick<EpisodeSession, "baseUrl" | "apiKey">,
  body: Readonly<Record<string, unknown>> = {},
  init: { readonly signal?: AbortSignal; readonly headers?: HeadersInit } = {},
): Promise<Response> {
  return fetch(`${session.baseUrl}/chat/completions`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Authorization: `Bearer ${session.apiKey}`,
      ...init.headers,
    },
    body: JSON.stringify({ model: "policy", messages: [USER], ...body }),
    ...(init.signal && { signal: init.signal }),
  });
}

/** The answer to a chat completion request that succeeds. */
export async function chat(
  session: Pick<EpisodeSession, "baseUrl" | "apiKey">,
  body: Readonly<Record<string, unknown>> = {},
): Promise<Json> {
  const response = await postChat(session, body);
  const answer = await response.json();
  if (response.status !== 200) throw new Error(JSON.stringify(answer));
  return answer;
}

/** The chunks of a streamed answer, up to `[DONE]`. */
export async function streamChat(
  session: Pick<EpisodeSession, "baseUrl" | "apiKey">,
  body: Readonly<Record<string, unknown>> = {},
): Promise<Json[]> {
  const response = await postChat(session, { ...body, stream: true });
  const text = await response.text();
  const events = text.split("\n\n").filter((event) => event !== "");
  if (events.at(-1) !== "data: [DONE]") throw new Error(`no end: ${text}`);
  return events.slice(0, -1).map((event) =>
    JSON.parse(event.slice("data: ".length))
  );
}
