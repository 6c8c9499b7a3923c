import {
  type HostTensor,
  parameterShapes,
  parseModelConfig,
  writeSafetensors,
} from "../../src/model/mod.ts";
import { GOLDEN } from "./_golden.ts";
import { GOLDEN_MODELS } from "./_golden_weights.ts";

/** `config.json` of a two-layer Qwen3 with the golden tokenizer's vocabulary. */
export const TINY_CONFIG = { ...GOLDEN_MODELS[0]!.config, vocab_size: 512 };

/** Files of a model folder, by name; the weights are written beside them. */
export const TINY_FILES: Readonly<Record<string, unknown>> = {
  "config.json": TINY_CONFIG,
  "generation_config.json": { eos_token_id: [3, 5] },
  "tokenizer.json": GOLDEN.tokenizers[0]!.json,
  "tokenizer_config.json": {
    eos_token: { content: "<|im_end|>" },
    chat_template: "{{ messages[0].content }}{{ eos_token }}<tool_call>",
  },
};

/** The parameters of `TINY_CONFIG`; each holds numbers of its own, exact in F16. */
export function tinyTensors(): HostTensor[] {
  const shapes = parameterShapes(parseModelConfig(TINY_CONFIG));
  return [...shapes].map(([name, shape], n) => ({
    name,
    shape,
    data: Float32Array.from(
      { length: shape.reduce((a, b) => a * b) },
      (_, i) => n + (i % 64) / 64,
    ),
  }));
}

/** What to change in a tiny model's folder. */
export interface TinyModelOptions {
  /** Contents of further or other files; undefined leaves a file out. @default {} */
  readonly files?: Readonly<Record<string, unknown>>;
  /** The weights; none writes no file. @default tinyTensors() */
  readonly tensors?: readonly HostTensor[];
}

/** Writes a model folder: `TINY_FILES` and `tinyTensors()`, unless told otherwise. */
export async function writeTinyModel(
  folder: string,
  options: TinyModelOptions = {},
): Promise<void> {
  const { files = {}, tensors = tinyTensors() } = options;
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, value] of Object.entries({ ...TINY_FILES, ...files })) {
    if (value === undefined) continue;
    const text = typeof value === "string" ? value : JSON.stringify(value);
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  if (tensors.length > 0) {
    await writeSafetensors(`${folder}/model.safetensors`, tensors);
  }
}
