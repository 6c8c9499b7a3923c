import { ModelError } from "../errors.ts";
import { Fields } from "./_fields.ts";
import type { JsonObject } from "./_files.ts";
import { parseRope } from "./_rope.ts";
import type { Architecture, ModelConfig } from "./model_config.ts";

const ARCHITECTURES: readonly Architecture[] = [
  "llama",
  "mistral",
  "qwen2",
  "qwen3",
];

/** Several times what any dense decoder has; a file that claims more would only be expensive to refuse later. */
const MOST_LAYERS = 1024;

/**
 * Reads the contents of a Hugging Face `config.json`, as transformers 4 and 5 write it.
 *
 * Fields that do not change what the model computes are ignored; a field that does is either
 * understood or refused.
 *
 * @param source What error messages call the file.
 * @throws {ModelError} Naming the file and the field.
 */
export function parseModelConfig(
  json: JsonObject,
  source = "config.json",
): ModelConfig {
  const fields = new Fields(json, `${source}:`);
  const architecture = parseArchitecture(fields, source);
  refuseUnsupported(fields, architecture);
  const hiddenSize = fields.width("hidden_size");
  const heads = fields.size("num_attention_heads");
  // Llama's first configs have no num_key_value_heads: every head has keys and values of its own.
  const kvHeads = fields.size(
    "num_key_value_heads",
    architecture === "llama" ? heads : undefined,
  );
  if (heads % kvHeads !== 0) {
    fields.refuse("num_key_value_heads", `must divide ${heads} heads`);
  }
  const headDim = parseHeadDim(fields, { architecture, hiddenSize, heads });
  const layers = fields.size("num_hidden_layers");
  if (layers > MOST_LAYERS) {
    fields.refuse("num_hidden_layers", `must be at most ${MOST_LAYERS}`);
  }
  const maxPositions = fields.size("max_position_embeddings");
  const slidingWindow = parseSlidingWindow(fields, {
    architecture,
    layers,
    maxPositions,
  });
  const bias = fields.flag("attention_bias", false);
  return {
    architecture,
    hiddenSize,
    layers,
    heads,
    kvHeads,
    headDim,
    feedForward: fields.width("intermediate_size"),
    vocabSize: fields.size("vocab_size"),
    normEpsilon: fields.positive("rms_norm_eps", 1e-6),
    ...parseRope(fields, maxPositions),
    qkNorm: architecture === "qwen3",
    attentionBias: architecture === "qwen2" || bias,
    outputBias: architecture !== "qwen2" && bias,
    tieEmbeddings: fields.flag("tie_word_embeddings", false),
    maxPositions,
    ...(slidingWindow !== undefined && { slidingWindow }),
  };
}

function parseArchitecture(fields: Fields, source: string): Architecture {
  const type = fields.text("model_type");
  const architecture = ARCHITECTURES.find((name) => name === type);
  const known = ARCHITECTURES.join(", ");
  if (architecture === undefined) {
    throw new ModelError(
      `${source}: model_type ${
        JSON.stringify(type)
      } is not supported; the supported ones are ${known}`,
    );
  }
  const classes = fields.texts("architectures") ?? [];
  if (!classes.every((name) => name.endsWith("ForCausalLM"))) {
    fields.refuse("architectures", "must be a causal language model");
  }
  return architecture;
}

function parseHeadDim(
  fields: Fields,
  config: Pick<ModelConfig, "architecture" | "hiddenSize" | "heads">,
): number {
  const { architecture, hiddenSize, heads } = config;
  // transformers fills in 128 for Qwen3, and the quotient for the others.
  const fallback = architecture === "qwen3" ? 128 : hiddenSize / heads;
  if (!fields.has("head_dim") && !Number.isInteger(fallback)) {
    fields.refuse("hidden_size", `must be a multiple of ${heads} heads`);
  }
  return fields.width("head_dim", fallback);
}

function refuseUnsupported(fields: Fields, architecture: Architecture): void {
  fields.only("hidden_act", "silu");
  fields.only("mlp_bias", false);
  fields.only("attention_dropout", 0);
  fields.only("pretraining_tp", 1);
  fields.only("partial_rotary_factor", 1);
  fields.only("is_causal", true);
  for (const name of ["quantization_config", "compression_config"]) {
    if (fields.has(name)) fields.refuse(name, "is not supported");
  }
  // Only these two read the field; the others would ignore it, and so mislead.
  if (architecture === "qwen2" || architecture === "mistral") {
    fields.only("attention_bias", architecture === "qwen2");
  }
}

/** Tokens that a token sees, or undefined where the window never takes effect. */
function parseSlidingWindow(
  fields: Fields,
  config: Pick<ModelConfig, "architecture" | "layers" | "maxPositions">,
): number | undefined {
  const { architecture, layers, maxPositions } = config;
  if (architecture === "llama") return undefined;
  // What transformers fills in where the field is missing; null is none.
  const window = fields.isNull("sliding_window")
    ? undefined
    : fields.size("sliding_window", 4096);
  // Qwen's window is off until it is switched on; Mistral knows no switch.
  const on = window !== undefined &&
    (architecture === "mistral" || fields.flag("use_sliding_window", false));
  const sliding = slidingLayers(fields, { architecture, layers, on });
  if (!on || sliding === 0 || window >= maxPositions) return undefined;
  if (sliding < layers) {
    fields.refuse(
      "sliding_window",
      `is only supported in all ${layers} layers, not in ${sliding}`,
    );
  }
  return window;
}

function slidingLayers(
  fields: Fields,
  { architecture, layers, on }:
    & Pick<ModelConfig, "architecture" | "layers">
    & { readonly on: boolean },
): number {
  const isMistral = architecture === "mistral";
  // Qwen's first max_window_layers layers see everything.
  const whole = isMistral ? 0 : fields.count("max_window_layers", 28);
  const types = fields.texts("layer_types");
  if (types === undefined) return on ? Math.max(0, layers - whole) : 0;
  const known = types.every((type) => /^(full|sliding)_attention$/.test(type));
  if (!known || types.length !== layers) {
    fields.refuse(
      "layer_types",
      `must name full_attention or sliding_attention for each of ${layers} layers`,
    );
  }
  const sliding = types.filter((type) => type === "sliding_attention").length;
  // transformers' Mistral does not read the list, and a Qwen without a window cannot follow it.
  if (isMistral ? sliding !== (on ? layers : 0) : sliding > 0 && !on) {
    fields.refuse(
      "layer_types",
      "disagrees with sliding_window and use_sliding_window",
    );
  }
  return sliding;
}
