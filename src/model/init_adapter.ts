import type { AdapterConfig } from "./adapter_config.ts";
import { adaptedMatrices } from "./adapter_shapes.ts";
import type { ModelConfig } from "./model_config.ts";
import type { HostTensor } from "./tensor.ts";

/**
 * A new adapter, which changes nothing yet: A is drawn evenly from ±1/√in (PEFT's Kaiming with
 * a = √5), B is zero.
 *
 * @param seed The same seed, model and config give the same adapter.
 */
export function initAdapter(
  model: ModelConfig,
  config: AdapterConfig,
  seed: number,
): readonly HostTensor[] {
  const { rank } = config;
  const random = generator(seed);
  return adaptedMatrices(model, config).flatMap(
    ({ A, B, out, in: columns }) => [
      {
        name: A,
        shape: [rank, columns],
        data: Float32Array.from(
          { length: rank * columns },
          () => (2 * random() - 1) / Math.sqrt(columns),
        ),
      },
      { name: B, shape: [out, rank], data: new Float32Array(out * rank) },
    ],
  );
}

/** Numbers in [0, 1): a Weyl sequence through MurmurHash3's 32-bit finaliser. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let h = state ^ (state >>> 16);
    h = Math.imul(h, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  };
}
