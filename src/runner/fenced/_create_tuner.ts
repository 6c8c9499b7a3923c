import type { Endpoint, Tuner } from "../types.ts";

/** The `tuner` argument of a workflow. An agent is told apart by a suffix of the model's name. */
export function createTuner(endpoint: Endpoint, signal: AbortSignal): Tuner {
  const { baseUrl, apiKey, model } = endpoint;
  const named = (name: string): Tuner => ({
    baseUrl,
    apiKey,
    model: `${model}:${name}`,
    signal,
    agent: named,
  });
  return { baseUrl, apiKey, model, signal, agent: named };
}
