import { StreamDecoder, type Tokenizer } from "../model/mod.ts";
import type { CompletionRequest } from "./_completion_request.ts";
import type { JsonBody } from "./_dialect.ts";

/** What answers to a completion request have in common. */
export interface CompletionWriting {
  readonly request: CompletionRequest;
  readonly tokenizer: Tokenizer;
  readonly id: string;
  readonly model: string;
  /** Seconds since 1970. */
  readonly created: number;
}

/** Tokens with their logprobs; those of a prompt begin with NaN. */
export interface ScoredTokens {
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
}

/** A part of a continuation, or all of it. */
export interface CompletionPart extends ScoredTokens {
  readonly index: number;
  readonly text: string;
  /** The prompt, where this is the first part. */
  readonly prompt?: ScoredTokens;
  /** Absent where more is to come. */
  readonly finishReason?: "stop" | "length";
  /** The text or the id that ended it, where the request named it. */
  readonly stopReason?: string | number | undefined;
}

/** A continuation in the form of vLLM's `/v1/completions`. */
export function completionChoice(
  part: CompletionPart,
  { request, tokenizer }: CompletionWriting,
): JsonBody {
  const { index, text, prompt, finishReason, stopReason } = part;
  const echoed = request.echo && prompt !== undefined ? prompt : NONE;
  const { returnTokenIds, promptLogprobs } = request;
  const given = request.texts[Math.floor(index / request.n)];
  const repeated = echoed === NONE
    ? ""
    : given ?? tokenizer.decode(echoed.tokens);
  return {
    index,
    text: repeated + text,
    logprobs: request.logprobs
      ? logprobsJson({
        tokens: [...echoed.tokens, ...part.tokens],
        logprobs: [...echoed.logprobs, ...part.logprobs],
      }, {
        tokenizer,
        continues: echoed === NONE &&
          (prompt === undefined || tokenizer.hasText(prompt.tokens)),
      })
      : null,
    finish_reason: finishReason ?? null,
    stop_reason: stopReason ?? null,
    prompt_token_ids: returnTokenIds && prompt ? prompt.tokens : null,
    token_ids: returnTokenIds ? part.tokens : null,
    ...(promptLogprobs && prompt &&
      { prompt_logprobs: promptLogprobsJson(prompt, tokenizer) }),
  };
}

/** A body, or the data of an event, around choices. */
export function completionJson(
  choices: readonly JsonBody[],
  { id, model, created }: CompletionWriting,
): JsonBody {
  return { id, object: "text_completion", created, model, choices };
}

/** Tokens used. */
export function completionUsage(prompt: number, sampled: number): JsonBody {
  return {
    prompt_tokens: prompt,
    completion_tokens: sampled,
    total_tokens: prompt + sampled,
  };
}

const NONE: ScoredTokens = { tokens: [], logprobs: [] };

function logprobsJson(
  { tokens, logprobs }: ScoredTokens,
  { tokenizer, continues }: {
    readonly tokenizer: Tokenizer;
    readonly continues: boolean;
  },
): JsonBody {
  const decoder = new StreamDecoder(tokenizer, { continues });
  let length = 0;
  const texts = tokens.map((id) => tokenizer.decode([id], { continues: true }));
  const given = logprobs.map((logprob) =>
    Number.isNaN(logprob) ? null : logprob
  );
  return {
    text_offset: tokens.map((id) => {
      const offset = length;
      length += decoder.push([id]).length;
      return offset;
    }),
    token_logprobs: given,
    tokens: texts,
    top_logprobs: given.map((logprob, at) =>
      logprob === null ? null : { [texts[at]!]: logprob }
    ),
  };
}

function promptLogprobsJson(
  { tokens, logprobs }: ScoredTokens,
  tokenizer: Tokenizer,
): (JsonBody | null)[] {
  return tokens.map((id, at) =>
    at === 0 ? null : {
      [id]: {
        logprob: logprobs[at],
        decoded_token: tokenizer.decode([id], { continues: true }),
      },
    }
  );
}
