import { adapterLayout, type LoraShape } from "../../src/nn/layout.ts";
import type { HostTensor } from "../../src/nn/policy.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";
import { hashed } from "../gpu/_hashed.ts";
import { hashedWeights } from "./_hashed_model.ts";
import type { ReferenceWeights } from "./_reference_model.ts";

/**
 * An adapter's tensors, all of them at work: none is as it would be at first.
 *
 * @param seed What else than its name a tensor is hashed from.
 */
export function hashedAdapter(
  shape: TransformerShape,
  lora: LoraShape,
  seed = "",
): HostTensor[] {
  return adapterLayout(shape, lora).flatMap(({ parts }) =>
    parts.map(({ name, shape }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const data = hashed(`${seed}${name}`, count, 0.3);
      return {
        name,
        shape,
        data: shape.length > 1 ? data : data.map((x) => x + 1),
      };
    })
  );
}

/** The weights of a model with a head of its own that computes what the base does under the adapter, in float64. */
export function mergedWeights(
  shape: TransformerShape,
  lora: LoraShape,
  adapter: ReferenceWeights,
): ReferenceWeights {
  const weights = new Map<string, ArrayLike<number>>(
    hashedWeights(shape).map(({ name, data }) => [name, data]),
  );
  const embedding = weights.get("model.embed_tokens.weight")!;
  if (shape.tieEmbeddings) weights.set("lm_head.weight", embedding);
  for (const [name, data] of adapter) {
    const path = name.replace("base_model.model.", "");
    if (weights.has(path)) weights.set(path, data);
    if (lora.tied && path.includes("embed_tokens")) {
      weights.set("lm_head.weight", data);
    }
    if (!path.endsWith(".lora_A.weight")) continue;
    const B = adapter.get(name.replace("lora_A", "lora_B"))!;
    const matrix = path.replace(".lora_A", "");
    const W = weights.get(matrix)!;
    const columns = data.length / lora.rank;
    weights.set(
      matrix,
      Float64Array.from(W, (w, i) => {
        const row = Math.floor(i / columns), column = i % columns;
        let sum = 0;
        for (let r = 0; r < lora.rank; r++) {
          sum += B[row * lora.rank + r]! * data[r * columns + column]!;
        }
        return w + lora.scale * sum;
      }),
    );
  }
  return weights;
}
