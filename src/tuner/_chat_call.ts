import type { Engine, Sampling } from "../engine/mod.ts";
import type { ToolCall } from "../model/mod.ts";
import type { Call } from "../tracker/mod.ts";
import { replySeed, toolCallId } from "./_call_identities.ts";
import { cutOffCause } from "./_cut_off_cause.ts";
import { keptTokens } from "./_kept_tokens.ts";
import type { Prompt } from "./_prompt_renderer.ts";
import { ReplyReader } from "./_reply_reader.ts";
import type { Sample } from "./_sample_memory.ts";
import { type SampledReply, sampleReply } from "./_sample_reply.ts";
import { callSampling } from "./_sampling.ts";
import type {
  ChatChoice,
  ChatPiece,
  IdentifiedToolCall,
} from "./chat_completion.ts";
import type { ChatModel } from "./chat_model.ts";
import type { ChatRequest } from "./chat_request.ts";

/** A request with everything that its replies have in common. */
export interface ChatCallOptions {
  readonly engine: Engine;
  readonly model: ChatModel;
  readonly request: ChatRequest;
  readonly prompt: Prompt;
  readonly id: string;
  /** The same for all calls of a session: its server has their history cached. */
  readonly affinity: string;
  readonly agent: string;
  /** The agent's own adapter, where it has one. */
  readonly adapter: string | undefined;
  /** Tokens that the context has room for after the prompt. */
  readonly room: number;
  readonly defaults: Partial<Omit<Sampling, "seed">>;
  readonly force: Partial<Sampling>;
  readonly signal: AbortSignal;
  readonly onPiece?: ((piece: ChatPiece) => void) | undefined;
}

/** One sampled reply. */
export interface ChatReply {
  /** What the tracker records. */
  readonly call: Call;
  /** What the agent gets; absent where the generation was cut off. */
  readonly choice?: ChatChoice;
  /** What later prompts use again; absent where the generation was cut off. */
  readonly sample?: Sample;
}

/** Samples reply number `index` to a request. */
export async function sampleChoice(
  options: ChatCallOptions,
  index: number,
): Promise<ChatReply> {
  const { id, request, prompt, onPiece } = options;
  const sampling = replySampling(options, index);
  const reasoning = /<think>\s*$/.test(prompt.leadText);
  let streamedCalls = 0;
  const sampled = await sampleReply(options.engine, {
    tokens: prompt.tokens,
    sampling,
    reader: replyReader(options, sampling),
    signal: options.signal,
    affinity: options.affinity,
    onPiece: onPiece && ((piece) => {
      const from = { id, choice: index, first: streamedCalls };
      const toolCalls = identified(piece.toolCalls, from);
      streamedCalls += toolCalls.length;
      onPiece({
        id,
        promptTokens: prompt.tokens.length,
        prompt: prompt.tokens,
        index,
        content: piece.content,
        reasoning,
        toolCalls,
        tokens: piece.tokens,
        logprobs: piece.logprobs,
      });
    }),
  });
  const call: Call = {
    id: request.n > 1 ? `${id}-${index}` : id,
    agent: options.agent,
    ...(options.adapter !== undefined && { adapter: options.adapter }),
    prompt: prompt.tokens,
    tokens: sampled.tokens,
    logprobs: sampled.logprobs,
    temperature: sampling.temperature,
    finishReason: sampled.finishReason,
    policyVersion: sampled.policyVersion,
    ...untrainable(sampled, options.signal),
    ...prompt.link,
  };
  if (sampled.finishReason === "abort") return { call };

  const { reply, tokens, logprobs, finishReason } = sampled;
  const { content, stop } = reply;
  const toolCalls = identified(reply.toolCalls, {
    id,
    choice: index,
    first: 0,
  });
  const ended = finishReason === "stop" && toolCalls.length > 0
    ? "tool_calls"
    : finishReason;
  return {
    call,
    choice: {
      index,
      content,
      reasoning,
      toolCalls,
      finishReason: ended,
      ...(stop !== undefined && { stop }),
      tokens,
      logprobs,
    },
    sample: rememberedSample(options, { call, sampled, toolCalls }),
  };
}

function replySampling(options: ChatCallOptions, index: number): Sampling {
  const { request, room, force, defaults, id, model } = options;
  const { seed } = request.sampling;
  const asked = seed === undefined
    ? request.sampling
    : { ...request.sampling, seed: (seed + index) >>> 0 };
  const limits = { room, eosIds: model.eosIds, seed: replySeed(id, index) };
  return callSampling({ force, asked, defaults }, limits);
}

function replyReader(
  { model, request, prompt }: ChatCallOptions,
  sampling: Sampling,
): ReplyReader {
  const wantsTools = request.tools.length > 0 &&
    request.toolChoice.kind !== "none";
  return new ReplyReader({
    tokenizer: model.tokenizer,
    continues: model.tokenizer.hasText(prompt.tokens),
    stopTokens: new Set(sampling.stopTokens),
    stops: request.stop,
    tools: wantsTools ? model.toolFormat?.stream() : undefined,
    forced: prompt.forced,
    oneCall: wantsTools && !request.parallelToolCalls,
  });
}

function untrainable(
  sampled: SampledReply,
  signal: AbortSignal,
): Pick<Call, "untrainable"> {
  if (sampled.untrainable !== undefined) return sampled;
  if (sampled.finishReason !== "abort") return {};
  return {
    untrainable: `the generation was cut off: ${cutOffCause(signal)}`,
  };
}

function rememberedSample(
  { prompt, model }: ChatCallOptions,
  from: {
    readonly call: Call;
    readonly sampled: SampledReply;
    readonly toolCalls: readonly IdentifiedToolCall[];
  },
): Sample {
  const { call, sampled: { reply, tokens }, toolCalls } = from;
  const { content, text, cut } = reply;
  const { tokenizer } = model;
  const continues = tokenizer.hasText(prompt.tokens);
  return {
    call: call.id,
    agent: call.agent,
    before: prompt.before,
    lead: prompt.lead,
    leadText: prompt.leadText,
    tokens,
    text,
    message: {
      role: "assistant",
      content,
      ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
    },
    ...(cut &&
      {
        cut: {
          why: cut,
          ...keptTokens(tokens, { tokenizer, continues, text }),
        },
      }),
  };
}

function identified(
  toolCalls: readonly ToolCall[],
  from: {
    readonly id: string;
    readonly choice: number;
    readonly first: number;
  },
): IdentifiedToolCall[] {
  return toolCalls.map(({ name, arguments: json }, at) => ({
    id: toolCallId(from.id, from.choice, from.first + at),
    type: "function",
    function: { name, arguments: json },
  }));
}
