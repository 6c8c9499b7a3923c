import {
  type HostTensor,
  type ModelConfig,
  parameterShapes,
} from "../../src/model/mod.ts";
import type { Random } from "./random.ts";

/**
 * Random weights to pretrain a decoder from: normal with standard deviation 0.028 in the embedding
 * and 1 / √inputs in other matrices, divided by √(2L) where they add to the residual stream (GPT-2's
 * rule); gains are 1.
 */
export function initialWeights(
  config: ModelConfig,
  random: Random,
): HostTensor[] {
  return Array.from(parameterShapes(config), ([name, shape]) => {
    const [rows, columns] = shape;
    const data = new Float32Array(rows! * (columns ?? 1)).fill(1);
    if (columns !== undefined) {
      const deviation = name === "model.embed_tokens.weight"
        ? 0.028
        : 1 / Math.sqrt(columns);
      const residual = /o_proj|down_proj/.test(name);
      const scale = residual ? 1 / Math.sqrt(2 * config.layers) : 1;
      for (let i = 0; i < data.length; i++) {
        data[i] = deviation * scale * random.normal();
      }
    }
    return { name, shape, data };
  });
}
