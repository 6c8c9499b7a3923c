import type { ServeConfig } from "../config/mod.ts";
import { loadModelWeights } from "../model/mod.ts";
import { type JsonLine, scoreLines } from "../offline/mod.ts";
import { openPolicy } from "./_open_policy.ts";

/**
 * How likely the model of `config` holds each line `{"tokens": […]}`: the logprob of every token given those before
 * it, null for the first, at temperature 1.
 *
 * @throws {UserError} If the model cannot be opened, or a line holds no token ids.
 */
export async function* score(
  config: ServeConfig,
  lines: AsyncIterable<JsonLine>,
): AsyncGenerator<readonly (number | null)[]> {
  const weights = await loadModelWeights(config.model.path);
  const { gpu } = await openPolicy(config, {
    weights,
    trained: false,
    sampled: false,
  });
  await using _ = gpu;
  yield* scoreLines(lines, {
    score: (sequences) => gpu.engine.score(sequences),
    vocabSize: weights.config.vocabSize,
    maxNodes: config.train.max_nodes,
  });
}
