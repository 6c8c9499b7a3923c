import { join } from "node:path";
import {
  elementCount,
  parameterShapes,
  parseModelConfig,
  writeWeights,
} from "../../src/model/mod.ts";

/** `config.json` of Qwen2.5-0.5B, as its authors published it. */
export const QWEN25_HALF_BILLION = {
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  hidden_act: "silu",
  hidden_size: 896,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  use_sliding_window: false,
  vocab_size: 151936,
} as const;

/** Writes a model folder of this shape with random bfloat16 weights, unless it is there. */
export async function writeRandomModel(
  folder: string,
  config: Readonly<Record<string, unknown>>,
): Promise<void> {
  const source = join(folder, "config.json");
  const there = await Deno.stat(join(folder, "model.safetensors"))
    .then(() => true, () => false);
  if (there) return;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(source, JSON.stringify(config, null, 2));
  const shapes = [...parameterShapes(parseModelConfig(config, source))];
  const tensors = shapes.map(([name, shape], i) => ({
    name,
    shape,
    read: () => Promise.resolve(randomTensor(name, shape, i + 1)),
  }));
  await writeWeights(folder, tensors, { dtype: "BF16" });
}

/** Gains of 1, and evenly spread numbers that keep their input's size. */
function randomTensor(
  name: string,
  shape: readonly number[],
  seed: number,
): Float32Array {
  const data = new Float32Array(elementCount(shape));
  if (name.endsWith("norm.weight")) return data.fill(1);
  const scale = name.endsWith("bias") ? 0.1 : 1.7 / Math.sqrt(shape[1]!);
  // Xorshift (Marsaglia 2003).
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = scale * (state / 2 ** 31);
  }
  return data;
}
