import type { ModelConfig } from "./model_config.ts";

/**
 * Names and shapes of a model's parameters, as Hugging Face writes them; a matrix is [out, in].
 *
 * A tied head is not a parameter of its own.
 */
export function parameterShapes(
  config: ModelConfig,
): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: D, vocabSize: V } = config;
  const shapes = new Map<string, readonly number[]>();
  shapes.set("model.embed_tokens.weight", [V, D]);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [name, shape] of blockShapes(config)) {
      shapes.set(`model.layers.${layer}.${name}`, shape);
    }
  }
  shapes.set("model.norm.weight", [D]);
  if (!config.tieEmbeddings) shapes.set("lm_head.weight", [V, D]);
  return shapes;
}

function blockShapes(config: ModelConfig): [string, readonly number[]][] {
  const { hiddenSize: D, feedForward: F, headDim } = config;
  const queries = config.heads * headDim;
  const keys = config.kvHeads * headDim;
  const shapes: [string, readonly number[]][] = [
    ["input_layernorm.weight", [D]],
    ["self_attn.q_proj.weight", [queries, D]],
    ["self_attn.k_proj.weight", [keys, D]],
    ["self_attn.v_proj.weight", [keys, D]],
    ["self_attn.o_proj.weight", [D, queries]],
    ["post_attention_layernorm.weight", [D]],
    ["mlp.gate_proj.weight", [F, D]],
    ["mlp.up_proj.weight", [F, D]],
    ["mlp.down_proj.weight", [D, F]],
  ];
  if (config.qkNorm) {
    shapes.push(
      ["self_attn.q_norm.weight", [headDim]],
      ["self_attn.k_norm.weight", [headDim]],
    );
  }
  if (config.attentionBias) {
    shapes.push(
      ["self_attn.q_proj.bias", [queries]],
      ["self_attn.k_proj.bias", [keys]],
      ["self_attn.v_proj.bias", [keys]],
    );
  }
  if (config.outputBias) shapes.push(["self_attn.o_proj.bias", [D]]);
  return shapes;
}
