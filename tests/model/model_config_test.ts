import { parameterShapes, parseModelConfig } from "../../src/model/mod.ts";
import { ModelError } from "../../src/errors.ts";
import { assertAlmostEquals, assertEquals, assertThrows } from "../assert.ts";
import { GOLDEN_MODELS } from "./_golden_weights.ts";

const LLAMA = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  hidden_size: 48,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 50,
  max_position_embeddings: 64,
};
const QWEN2 = {
  ...LLAMA,
  model_type: "qwen2",
  architectures: ["Qwen2ForCausalLM"],
  num_key_value_heads: 2,
};
const MISTRAL = { ...QWEN2, model_type: "mistral", architectures: undefined };

Deno.test("parameterShapes() lists the parameters that transformers saves", () => {
  for (const { name, config, shapes } of GOLDEN_MODELS) {
    const ours = parameterShapes(parseModelConfig(config));
    assertEquals(Object.fromEntries(ours), { ...shapes }, name);
  }
});

Deno.test("parseModelConfig() reads the configs that transformers 5 writes", () => {
  const configs = Object.fromEntries(
    GOLDEN_MODELS.map(({ name, config }) => [name, parseModelConfig(config)]),
  );
  assertEquals(configs["qwen3, tied"], {
    architecture: "qwen3",
    hiddenSize: 48,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
    feedForward: 40,
    vocabSize: 50,
    normEpsilon: 1e-6,
    ropeTheta: 10_000,
    qkNorm: true,
    attentionBias: false,
    outputBias: false,
    tieEmbeddings: true,
    maxPositions: 64,
  });
  const llama = configs["llama, untied, biased, llama3 rope"]!;
  assertEquals(llama.ropeTheta, 500_000);
  assertEquals(llama.ropeScaling, {
    kind: "llama3",
    factor: 8,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositions: 32,
  });
  assertEquals([llama.attentionBias, llama.outputBias], [true, true]);
  const qwen2 = configs["qwen2, tied"]!;
  assertEquals([qwen2.attentionBias, qwen2.outputBias], [true, false]);
  assertEquals(qwen2.headDim, 12);
  assertEquals(configs["mistral, window"]!.slidingWindow, 16);
});

Deno.test("parseModelConfig() computes YaRN's attention factor as transformers does", () => {
  for (const { name, config, attentionFactor } of GOLDEN_MODELS) {
    const { ropeScaling } = parseModelConfig(config);
    const ours = ropeScaling?.kind === "yarn" ? ropeScaling.attentionFactor : 1;
    assertAlmostEquals(ours, attentionFactor, 1e-12, name);
  }
});

Deno.test("parseModelConfig() reads RoPE as transformers 4 writes it", () => {
  const config = parseModelConfig({
    ...LLAMA,
    rope_theta: 1e6,
    rope_scaling: { type: "linear", factor: 2 },
  });
  assertEquals(config.ropeTheta, 1e6);
  assertEquals(config.ropeScaling, { kind: "linear", factor: 2 });
  assertEquals(config.kvHeads, 4);
  assertEquals(parseModelConfig(LLAMA).ropeTheta, 10_000);
  const inside = { rope_type: "linear", factor: 2, rope_theta: 500 };
  assertEquals(
    parseModelConfig({ ...LLAMA, rope_theta: 1e6, rope_scaling: inside })
      .ropeTheta,
    500,
  );
});

Deno.test("parseModelConfig() drops a sliding window that never takes effect", () => {
  const config = { ...QWEN2, sliding_window: 16, max_window_layers: 0 };
  assertEquals(parseModelConfig(config).slidingWindow, undefined);
  assertEquals(
    parseModelConfig({ ...config, use_sliding_window: true }).slidingWindow,
    16,
  );
  assertEquals(
    parseModelConfig({
      ...config,
      use_sliding_window: true,
      sliding_window: 64,
    })
      .slidingWindow,
    undefined,
  );
  assertEquals(
    parseModelConfig({ ...LLAMA, sliding_window: 16 }).slidingWindow,
    undefined,
  );
});

Deno.test("parseModelConfig() fills in the window that transformers does where Mistral's config has none", () => {
  const config = { ...MISTRAL, max_position_embeddings: 32_768 };
  assertEquals(parseModelConfig(config).slidingWindow, 4096);
  assertEquals(
    parseModelConfig({ ...config, sliding_window: null }).slidingWindow,
    undefined,
  );
});

Deno.test("parseModelConfig() refuses by name what would change the model's answers", () => {
  const cases: [Record<string, unknown>, string][] = [
    [
      { ...LLAMA, num_hidden_layers: 2 ** 30 },
      "num_hidden_layers must be at most 1024, got 1073741824",
    ],
    [{ ...LLAMA, model_type: "gemma3" }, 'model_type "gemma3"'],
    [{ ...LLAMA, model_type: undefined }, "model_type is missing"],
    [{ ...LLAMA, architectures: ["LlamaForTokenClassification"] }, "causal"],
    [
      { ...LLAMA, hidden_act: "gelu" },
      'hidden_act is only supported as "silu"',
    ],
    [{ ...LLAMA, mlp_bias: true }, "mlp_bias"],
    [{ ...LLAMA, attention_dropout: 0.1 }, "attention_dropout"],
    [{ ...LLAMA, quantization_config: { bits: 4 } }, "quantization_config"],
    [{ ...LLAMA, num_key_value_heads: 3 }, "num_key_value_heads"],
    [{ ...LLAMA, hidden_size: 25 }, "hidden_size must be a multiple of 4"],
    [
      { ...LLAMA, intermediate_size: 42 },
      "intermediate_size must be a multiple",
    ],
    [{ ...LLAMA, head_dim: 6 }, "head_dim must be a multiple of 4"],
    [{ ...LLAMA, hidden_size: 0 }, "hidden_size must be a positive integer"],
    [{ ...LLAMA, vocab_size: 1e10 }, "vocab_size"],
    [{ ...LLAMA, vocab_size: undefined }, "vocab_size is missing"],
    [{ ...LLAMA, rms_norm_eps: "1e-6" }, "rms_norm_eps"],
    [{ ...LLAMA, tie_word_embeddings: 1 }, "tie_word_embeddings"],
    [{ ...LLAMA, rope_scaling: { type: "dynamic", factor: 2 } }, '"dynamic"'],
    [{ ...LLAMA, rope_scaling: { type: "linear" } }, "rope_scaling: factor"],
    [{ ...LLAMA, rope_parameters: { rope_type: "longrope" } }, '"longrope"'],
    [{ ...LLAMA, rope_parameters: [] }, "rope_parameters must be an object"],
    [{ ...LLAMA, partial_rotary_factor: 0.5 }, "partial_rotary_factor"],
    [{ ...QWEN2, num_key_value_heads: undefined }, "num_key_value_heads"],
    [
      {
        ...QWEN2,
        sliding_window: 16,
        use_sliding_window: true,
        max_window_layers: 1,
      },
      "not in 1",
    ],
    [
      {
        ...QWEN2,
        sliding_window: 16,
        layer_types: ["full_attention", "chunked"],
      },
      "layer_types",
    ],
    [{ ...LLAMA, is_causal: false }, "is_causal is only supported as true"],
    [{ ...LLAMA, compression_config: { bits: 4 } }, "compression_config"],
    [
      {
        ...LLAMA,
        rope_parameters: { full_attention: { rope_type: "default" } },
      },
      "rope_parameters: full_attention is not supported",
    ],
    [
      {
        ...LLAMA,
        rope_scaling: { type: "linear", factor: 2, finetuned: true },
      },
      "rope_scaling: finetuned is not supported, got true",
    ],
    [
      {
        ...LLAMA,
        rope_parameters: { rope_type: "default" },
        rope_scaling: { rope_type: "linear", factor: 2 },
      },
      "rope_scaling is not supported beside rope_parameters",
    ],
    [
      {
        ...LLAMA,
        rope_scaling: { rope_type: "yarn", factor: 2 },
        original_max_position_embeddings: 32,
      },
      "original_max_position_embeddings is only supported as a part of",
    ],
    [
      { ...QWEN2, layer_types: ["full_attention", "chunked_attention"] },
      "layer_types must name",
    ],
    [
      {
        ...QWEN2,
        sliding_window: 16,
        layer_types: ["sliding_attention", "sliding_attention"],
      },
      "layer_types disagrees with sliding_window and use_sliding_window",
    ],
    [
      {
        ...MISTRAL,
        sliding_window: 16,
        layer_types: ["full_attention", "full_attention"],
      },
      "layer_types disagrees with sliding_window",
    ],
  ];
  for (const [config, message] of cases) {
    const error = assertThrows(
      () => parseModelConfig(config, "m/config.json"),
      ModelError,
      message,
    );
    assertEquals(error.message.startsWith("m/config.json:"), true);
  }
});
