import type { Hono } from "../deps/hono.ts";
import type { Engine } from "../engine/mod.ts";
import {
  answerCompletion,
  type AnswerCompletionOptions,
  type CompletionClient,
} from "./_answer_completion.ts";
import { loadLoraAdapter, unloadLoraAdapter } from "./_adapter_routes.ts";
import type { JsonBody } from "./_dialect.ts";
import type { Env } from "./_http_server.ts";
import { readJson } from "./_read_json.ts";
import { detokenize, tokenize } from "./_tokenize.ts";

/** What a server of one model has beside the gateway's routes. */
export interface ServingOptions extends AnswerCompletionOptions {
  readonly maxBodyBytes: number;
}

/** Prometheus' text form; its readers insist on the version. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The version of vLLM whose HTTP interface this is. */
const VLLM_VERSION = "0.17.0";

/**
 * Adds what vLLM's HTTP interface has beside OpenAI's chat completions: completions from text or token
 * ids, tokenizing, its list of models and its metrics.
 */
export function addServingRoutes(
  app: Hono<Env>,
  options: ServingOptions,
): void {
  const { engine, modelName, maxBodyBytes, now } = options;

  function post(
    path: string,
    answer: (
      body: unknown,
      client: CompletionClient,
    ) => Response | Promise<Response>,
  ): void {
    app.post(path, async ({ req: { raw }, env: { outgoing } }) => {
      const body = await readJson(raw, maxBodyBytes);
      return await answer(body, { signal: raw.signal, outgoing });
    });
  }

  post(
    "/v1/completions",
    (body, client) => answerCompletion(body, client, options),
  );
  const { maxContext } = engine.info;
  post("/tokenize", (body) => tokenize(body, { ...options, maxContext }));
  post("/detokenize", (body) => detokenize(body, options));
  const lora = { adapters: options.adapters, modelName };
  post("/v1/load_lora_adapter", (body) => loadLoraAdapter(body, lora));
  post("/v1/unload_lora_adapter", (body) => unloadLoraAdapter(body, lora));
  app.get("/v1/models", ({ json }) => json(modelList(options)));
  app.get("/version", ({ json }) => json({ version: VLLM_VERSION }));
  const startedAt = now() / 1000;
  app.get(
    "/metrics",
    async ({ body }) =>
      body(await metrics(engine, { startedAt, modelName }), {
        headers: { "Content-Type": METRICS_TYPE },
      }),
  );
}

function modelList(
  { engine, modelName, now, adapters }: ServingOptions,
): JsonBody {
  const model = {
    id: modelName,
    object: "model",
    created: Math.floor(now() / 1000),
    owned_by: "astuner",
    root: modelName,
    parent: null,
    max_model_len: engine.info.maxContext,
  };
  const loaded = [...adapters?.loaded ?? []].map(([id, root]) => ({
    ...model,
    id,
    root,
    parent: modelName,
  }));
  return { object: "list", data: [model, ...loaded] };
}

/** Gauges in Prometheus' text form, under vLLM's names. */
async function metrics(
  engine: Engine,
  { startedAt, modelName }: {
    readonly startedAt: number;
    readonly modelName: string;
  },
): Promise<string> {
  const { running, waiting } = await engine.health();
  const labels = `{model_name=${JSON.stringify(modelName)}}`;
  const gauges: readonly [string, string, number][] = [
    ["process_start_time_seconds", "", startedAt],
    ["vllm:num_requests_running", labels, running],
    ["vllm:num_requests_waiting", labels, waiting],
  ];
  return gauges.map(([name, labels, value]) =>
    `# TYPE ${name} gauge\n${name}${labels} ${value}\n`
  ).join("");
}
