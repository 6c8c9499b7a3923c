import {
  ChatTemplate,
  hermesToolFormat,
  Tokenizer,
  trainBpe,
} from "../../src/model/mod.ts";
import type { ChatModel } from "../../src/tuner/mod.ts";

/** ChatML with Hermes tool calls, as Qwen's models have it. */
export const CHATML = `
{%- if tools %}
    {{- "<|im_start|>system\\nTools:" }}
    {%- for tool in tools %}{{- "\\n" + (tool | tojson) }}{%- endfor %}
    {{- "<|im_end|>\\n" }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == "tool" %}
        {%- if loop.first or messages[loop.index0 - 1].role != "tool" %}
            {{- "<|im_start|>user" }}
        {%- endif %}
        {{- "\\n<tool_response>\\n" + message.content + "\\n</tool_response>" }}
        {%- if loop.last or messages[loop.index0 + 1].role != "tool" %}
            {{- "<|im_end|>\\n" }}
        {%- endif %}
    {%- else %}
        {{- "<|im_start|>" + message.role + "\\n" + message.content | trim }}
        {%- for call in message.tool_calls or [] %}
            {{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
            {{- call.function.arguments | tojson }}
            {{- "}\\n</tool_call>" }}
        {%- endfor %}
        {{- "<|im_end|>\\n" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|im_start|>assistant\\n" }}{%- endif %}`;

const CORPUS = [
  "The quick brown fox calls a tool and reads the answer of the tool.",
  '{"name": "calculator", "arguments": {"expression": "12 + 34"}}',
  "Tools: assistant user system tool_response type function description parameters",
];

const TOKENIZER = new Tokenizer(
  trainBpe(CORPUS, {
    vocabSize: 400,
    addedTokens: ["<tool_call>", "</tool_call>", "<think>", "</think>"],
    specialTokens: ["<|im_start|>", "<|im_end|>", "<|endoftext|>"],
  }),
);

/** Id of a token that stands for itself. */
export function tokenId(token: string): number {
  return TOKENIZER.tokenId(token)!;
}

/** A model without weights: a small byte-level tokenizer and a chat template. */
export function testModel(template: string = CHATML): ChatModel {
  return {
    tokenizer: TOKENIZER,
    template: new ChatTemplate(template),
    toolFormat: hermesToolFormat,
    eosIds: [tokenId("<|im_end|>"), tokenId("<|endoftext|>")],
  };
}

/**
 * Ids of `text` as the tokenizer would never write it: one for each byte, but whole markers. What a
 * model samples is seldom what its tokenizer would make of the same text.
 */
export function spelled(text: string): number[] {
  return text.split(/(<\/?tool_call>|<\/?think>)/).flatMap((piece) =>
    TOKENIZER.tokenId(piece) ??
      Array.from(new TextEncoder().encode(piece), (byte) => BYTE_IDS.get(byte)!)
  );
}

const BYTE_IDS = new Map(
  Array.from({ length: TOKENIZER.vocabSize }, (_, id) => id)
    .filter((id) => TOKENIZER.tokenBytes(id).length === 1)
    .map((id) => [TOKENIZER.tokenBytes(id)[0]!, id]),
);
