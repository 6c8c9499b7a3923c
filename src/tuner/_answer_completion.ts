import type { ServerResponse } from "node:http";
import type { Engine } from "../engine/mod.ts";
import type { OpenEpisodeOptions } from "./episode_session.ts";
import {
  completionChoice,
  completionJson,
  type CompletionPart,
  completionUsage,
  type CompletionWriting,
  type ScoredTokens,
} from "./_completion_json.ts";
import {
  type CompletionRequest,
  parseCompletionRequest,
} from "./_completion_request.ts";
import type { JsonBody, ServerEvent } from "./_dialect.ts";
import { eventStream } from "./_event_stream.ts";
import { ReplyReader } from "./_reply_reader.ts";
import { sampleReply } from "./_sample_reply.ts";
import { callSampling } from "./_sampling.ts";
import { toApiError } from "./_to_api_error.ts";
import type { AdapterHost } from "./adapter_host.ts";
import { ApiError } from "./api_error.ts";
import type { ChatModel } from "./chat_model.ts";

/** What completion requests are answered with. */
export interface AnswerCompletionOptions {
  readonly engine: Engine;
  readonly model: ChatModel;
  /** The name that requests send as `model`. */
  readonly modelName: string;
  /** Serves adapters under names of their own; undefined where there are none. */
  readonly adapters: AdapterHost | undefined;
  /** Where a request says nothing. */
  readonly sampling: NonNullable<OpenEpisodeOptions["sampling"]>;
  readonly now: () => number;
  /** Runs what is expensive, or refuses to where too much is running. */
  readonly limit: <T>(run: () => Promise<T>) => Promise<T>;
  /** Told of bugs. */
  readonly onError: (error: unknown) => void;
}

/** Who asks for completions. */
export interface CompletionClient {
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** Takes an answer that is streamed. */
  readonly outgoing: ServerResponse;
}

/** A request on its way. */
interface Completing extends AnswerCompletionOptions {
  readonly request: CompletionRequest;
  readonly id: string;
  /** Ends all of it. */
  readonly cancel: AbortController;
  /** Called with each part as it is sampled; the last one comes with the result alone. */
  readonly onPart?: (part: CompletionPart) => void;
}

/**
 * Answers a `/v1/completions` request as vLLM does, streamed or not; a client that goes away cancels it.
 *
 * @throws {ApiError} If the request is refused, or fails before a stream has begun.
 */
export async function answerCompletion(
  body: unknown,
  { signal, outgoing }: CompletionClient,
  options: AnswerCompletionOptions,
): Promise<Response> {
  const { model, limit, now, onError } = options;
  const request = parseCompletionRequest(body, model.tokenizer);
  checkModel(request.model, options);
  const modelName = request.model ?? options.modelName;
  const engine = options.adapters?.engineOf(modelName) ?? options.engine;
  const cancel = new AbortController();
  signal.addEventListener("abort", () => cancel.abort(), { once: true });
  const id = `cmpl-${crypto.randomUUID().replaceAll("-", "")}`;
  const completing = { ...options, engine, request, id, cancel };
  const writing: CompletionWriting = {
    request,
    tokenizer: model.tokenizer,
    id,
    model: modelName,
    created: Math.floor(now() / 1000),
  };
  if (!request.stream) {
    const parts = await limit(() => completeAll(completing));
    return Response.json({
      ...completionJson(
        parts.map((part) => completionChoice(part, writing)),
        writing,
      ),
      usage: usageOf(request, parts),
    });
  }
  return eventStream(outgoing, {
    run: (send) => limit(() => stream(completing, writing, send)),
    errorEvent: (error) => eventOf(toApiError(error, onError).toJSON()),
    last: "[DONE]",
  });
}

async function stream(
  completing: Completing,
  writing: CompletionWriting,
  send: (event: ServerEvent) => void,
): Promise<ServerEvent[]> {
  const { request } = completing;
  const sampled = new Map<number, number>();

  function partEvent(part: CompletionPart): ServerEvent {
    const { index, tokens } = part;
    const count = (sampled.get(index) ?? 0) + tokens.length;
    sampled.set(index, count);
    const prompt = request.prompts[Math.floor(index / request.n)]!;
    return eventOf({
      ...completionJson([completionChoice(part, writing)], writing),
      ...(request.continuousUsage &&
        { usage: completionUsage(prompt.length, count) }),
    });
  }

  const onPart = (part: CompletionPart) => send(partEvent(part));
  const parts = await completeAll({ ...completing, onPart });
  const endings = parts.map(({ index, finishReason, stopReason }) => {
    const end = { tokens: [], logprobs: [], text: "" };
    return partEvent({
      ...end,
      index,
      finishReason: finishReason!,
      stopReason,
    });
  });
  if (!request.includeUsage) return endings;
  const usage = usageOf(request, parts);
  return [...endings, eventOf({ ...completionJson([], writing), usage })];
}

function eventOf(data: JsonBody): ServerEvent {
  return { json: JSON.stringify(data) };
}

/** All continuations of all prompts; where one fails, the others are cancelled. */
async function completeAll(completing: Completing): Promise<CompletionPart[]> {
  const { cancel, request: { prompts, n } } = completing;
  const running = prompts.map(async (tokens, at) => {
    const prompt = await scoredPrompt(tokens, completing);
    return await Promise.all(
      Array.from(
        { length: n },
        (_, which) => complete(prompt, at * n + which, completing),
      ),
    );
  });
  try {
    return (await Promise.all(running)).flat();
  } catch (error) {
    cancel.abort();
    await Promise.allSettled(running);
    throw error;
  }
}

/** A prompt with its logprobs where they are asked for. */
async function scoredPrompt(
  tokens: readonly number[],
  { engine, request }: Completing,
): Promise<ScoredTokens> {
  const { echo, logprobs, promptLogprobs } = request;
  const isScored = promptLogprobs || echo && logprobs;
  const [scored] = isScored ? await engine.score([tokens]) : [];
  return { tokens, logprobs: scored ? [...scored] : [] };
}

async function complete(
  prompt: ScoredTokens,
  index: number,
  completing: Completing,
): Promise<CompletionPart> {
  const { engine, model, request, id, cancel, onPart } = completing;
  if (request.maxTokens === 0) {
    const part = { index, text: "", tokens: [], logprobs: [], prompt };
    onPart?.(part);
    return { ...part, finishReason: "length" };
  }
  const sampling = samplingOf(prompt.tokens.length, index, completing);
  const reader = new ReplyReader({
    tokenizer: model.tokenizer,
    continues: model.tokenizer.hasText(prompt.tokens),
    stopTokens: new Set(sampling.stopTokens),
    stops: request.stop,
    tools: undefined,
    forced: "",
    oneCall: false,
  });
  let isFirst = true;
  const sampled = await sampleReply(engine, {
    tokens: prompt.tokens,
    sampling,
    reader,
    signal: cancel.signal,
    affinity: id,
    onPiece: onPart && (({ content, tokens, logprobs }) => {
      // The end of a reply brings a piece of its own, which may hold nothing.
      if (!isFirst && content === "" && tokens.length === 0) return;
      onPart({
        index,
        text: content,
        tokens,
        logprobs,
        ...(isFirst && { prompt }),
      });
      isFirst = false;
    }),
  });
  const { reply, tokens, logprobs, finishReason, untrainable } = sampled;
  if (finishReason === "abort") {
    throw new ApiError(503, "The generation was cut off");
  }
  if (untrainable !== undefined) throw new ApiError(500, untrainable);
  const last = tokens.at(-1)!;
  const stopReason = reply.stop ??
    (request.stopTokens.includes(last) ? last : undefined);
  return {
    index,
    text: reply.content,
    tokens,
    logprobs,
    prompt,
    finishReason,
    stopReason,
  };
}

function samplingOf(
  promptTokens: number,
  index: number,
  { request, engine, model, sampling }: Completing,
): ReturnType<typeof callSampling> {
  const { maxContext } = engine.info;
  const room = maxContext - promptTokens;
  if (room < 1) {
    throw new ApiError(
      400,
      `The prompt has ${promptTokens} tokens, and the model's context holds ${maxContext} with the completion`,
      { param: "prompt", code: "context_length_exceeded" },
    );
  }
  const { seed } = request.sampling;
  const asked = {
    ...request.sampling,
    maxTokens: request.maxTokens,
    stopTokens: request.stopTokens,
    ...(seed !== undefined && { seed: (seed + index) >>> 0 }),
  };
  return callSampling({ force: {}, asked, defaults: sampling }, {
    room,
    eosIds: request.ignoreEos ? [] : model.eosIds,
    seed: crypto.getRandomValues(new Uint32Array(1))[0]!,
  });
}

/**
 * Checks that a model that is asked for is there: ours, or an adapter; none stands for ours.
 *
 * @throws {ApiError} 404 if it is not.
 */
export function checkModel(
  asked: string | null | undefined,
  { modelName, adapters }: Pick<
    AnswerCompletionOptions,
    "modelName" | "adapters"
  >,
): void {
  if (asked === undefined || asked === null) return;
  if (asked === modelName || adapters?.engineOf(asked)) return;
  throw new ApiError(
    404,
    `The model \`${asked}\` does not exist: use "${modelName}"`,
    {
      param: "model",
      code: "model_not_found",
    },
  );
}

function usageOf(
  { prompts }: CompletionRequest,
  parts: readonly CompletionPart[],
): JsonBody {
  return completionUsage(
    prompts.reduce((sum, { length }) => sum + length, 0),
    parts.reduce((sum, { tokens }) => sum + tokens.length, 0),
  );
}
