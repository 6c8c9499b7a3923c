import type {
  Engine,
  FinishReason,
  Generation,
  Sampling,
} from "../engine/mod.ts";
import type { ParsedReply } from "../model/mod.ts";
import type { Reply, ReplyReader } from "./_reply_reader.ts";

/** A piece of a reply that has become certain, with the tokens read since the piece before. */
export interface ReplyPiece extends ParsedReply {
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
}

/** One generation to run and to read. */
export interface SampleReplyOptions {
  readonly tokens: readonly number[];
  readonly sampling: Sampling;
  readonly reader: ReplyReader;
  readonly signal: AbortSignal;
  readonly affinity: string;
  /** Called with each piece of the reply as it is sampled, and with the last tokens at the end. */
  readonly onPiece?: ((piece: ReplyPiece) => void) | undefined;
}

/** A reply, and the sample behind it to the token. */
export interface SampledReply {
  readonly reply: Reply;
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
  readonly finishReason: FinishReason;
  readonly policyVersion: number;
  /** Why no gradient may flow through the sample; absent where it is sound. */
  readonly untrainable?: string;
}

/** Samples a reply; a completed stop text ends the generation at the token that completes it. */
export async function sampleReply(
  engine: Engine,
  options: SampleReplyOptions,
): Promise<SampledReply> {
  const { tokens, sampling, affinity, reader, onPiece } = options;
  const enough = new AbortController();
  const streamed = { tokens: [] as number[], logprobs: [] as number[] };
  let passedOn = 0;

  function pass(news: ParsedReply, from: Sampled): void {
    const { content, toolCalls } = news;
    const isNews = content !== "" || toolCalls.length > 0 || from !== streamed;
    if (onPiece === undefined || !isNews) return;
    const start = passedOn;
    const end = passedOn = reader.sampled;
    onPiece({
      content,
      toolCalls,
      tokens: from.tokens.slice(start, end),
      logprobs: from.logprobs.slice(start, end),
    });
  }

  const generation = await engine.generate({
    tokens,
    sampling,
    affinity,
    signal: reader.canStop
      ? AbortSignal.any([options.signal, enough.signal])
      : options.signal,
    onTokens(ids, logprobs) {
      for (const id of ids) streamed.tokens.push(id);
      for (const logprob of logprobs) streamed.logprobs.push(logprob);
      pass(reader.push(ids), streamed);
      if (reader.stopped) enough.abort();
    },
  });
  const untrainable = generation.invalid ?? unsound(generation, streamed);
  // An engine need not stream: what it has not called back with is read now.
  const news = [
    reader.push(generation.tokens.slice(streamed.tokens.length)),
    reader.end(),
  ];
  pass({
    content: news.map(({ content }) => content).join(""),
    toolCalls: news.flatMap(({ toolCalls }) => toolCalls),
  }, generation);
  return {
    reply: reader.reply(),
    tokens: generation.tokens.slice(0, reader.sampled),
    logprobs: generation.logprobs.slice(0, reader.sampled),
    finishReason: reader.stopped ? "stop" : generation.finishReason,
    policyVersion: generation.policyVersion,
    ...(untrainable !== undefined && { untrainable }),
  };
}

type Sampled = Pick<Generation, "tokens" | "logprobs">;

/** Why a generation cannot be trusted to the token; undefined where it can. */
function unsound(
  generation: Generation,
  streamed: Sampled,
): string | undefined {
  const { tokens, logprobs } = generation;
  if (tokens.length !== logprobs.length) {
    return `the engine returned ${tokens.length} tokens with ${logprobs.length} logprobs`;
  }
  if (streamed.tokens.some((id, at) => id !== tokens[at])) {
    return "the engine streamed other tokens than it returned";
  }
  return undefined;
}
