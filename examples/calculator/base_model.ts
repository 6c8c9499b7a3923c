import {
  ChatTemplate,
  type JsonObject,
  Tokenizer,
  trainBpe,
} from "../../src/model/mod.ts";
import template from "./chat_template.jinja" with { type: "text" };
import type { Random } from "./random.ts";
import { drawTranscript } from "./transcripts.ts";

/** The base model, all but its weights, and what it is to learn from. */
export interface BaseModel {
  /** Transcripts of imperfect agents, as the chat template writes them. */
  readonly corpus: readonly string[];
  readonly tokenizer: Tokenizer;
  /** Contents of the JSON files of the model's folder, by name. */
  readonly files: Readonly<Record<string, JsonObject>>;
}

/** Longest conversation in tokens; an episode has about 60. */
const CONTEXT = 256;
/** Transcripts that the tokenizer is trained on: enough to hold every word. */
const TOKENIZER_CORPUS = 3000;

/** Draws a corpus of `size` transcripts and describes a small Qwen3 decoder with a tokenizer for it. */
export function designBaseModel(size: number, random: Random): BaseModel {
  const chatTemplate = new ChatTemplate(template);
  const corpus = Array.from(
    { length: size },
    () => chatTemplate.render(drawTranscript(random)),
  );
  const tokenizerJson = trainBpe(corpus.slice(0, TOKENIZER_CORPUS), {
    vocabSize: 512, // Ends with fewer: as soon as every word of the corpus is one token.
    specialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    addedTokens: [
      "<tool_call>",
      "</tool_call>",
      "<tool_response>",
      "</tool_response>",
    ],
  });
  const tokenizer = new Tokenizer(tokenizerJson);
  const ends = {
    eos_token_id: tokenizer.specialTokens.get("<|im_end|>"),
    pad_token_id: tokenizer.specialTokens.get("<|endoftext|>"),
  };
  const files = {
    "config.json": {
      architectures: ["Qwen3ForCausalLM"],
      model_type: "qwen3",
      vocab_size: tokenizer.vocabSize,
      hidden_size: 64,
      intermediate_size: 176,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: 16,
      hidden_act: "silu",
      attention_bias: false,
      rms_norm_eps: 1e-6,
      rope_theta: 10_000,
      max_position_embeddings: CONTEXT,
      tie_word_embeddings: true,
      torch_dtype: "float32",
      ...ends,
    },
    "generation_config.json": { do_sample: true, temperature: 1, ...ends },
    "tokenizer.json": tokenizerJson,
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      eos_token: "<|im_end|>",
      pad_token: "<|endoftext|>",
      clean_up_tokenization_spaces: false,
      model_max_length: CONTEXT,
      chat_template: template,
    },
  };
  return { corpus, tokenizer, files };
}
