import type { Server } from "./_server.ts";

/** The fields of a scoring answer that are read. */
interface ScoringAnswer {
  readonly choices?: readonly {
    readonly prompt_logprobs?:
      | readonly (
        | Readonly<Record<string, { readonly logprob?: unknown }>>
        | null
      )[]
      | null;
  }[];
}

/** A sequence to score. */
export interface ScoreSequenceOptions {
  readonly model: string;
  readonly tokens: readonly number[];
}

/** A long sequence may wait behind many generations. */
const SCORE_MS = 600_000;

/**
 * Logprob of every token given those before it, at temperature 1; the first is NaN.
 *
 * @throws {ServerError} If the server answers with anything but a logprob for each token.
 */
export async function scoreSequence(
  server: Server,
  { model, tokens }: ScoreSequenceOptions,
): Promise<Float32Array> {
  const logprobs = new Float32Array(tokens.length).fill(NaN);
  if (tokens.length < 2) return logprobs;
  const answer = await server.json("/v1/completions", {
    body: {
      model,
      prompt: tokens,
      max_tokens: 1,
      temperature: 1,
      prompt_logprobs: 0,
    },
    timeoutMs: SCORE_MS,
  }) as ScoringAnswer;
  const given = answer.choices?.[0]?.prompt_logprobs;
  for (let at = 1; at < tokens.length; at++) {
    const logprob = given?.[at]?.[tokens[at]!]?.logprob;
    if (typeof logprob !== "number") {
      throw server.error(
        "broken",
        `has scored ${
          given?.length ?? 0
        } of ${tokens.length} tokens: prompt_logprobs are missing from token ${at} on`,
      );
    }
    logprobs[at] = logprob;
  }
  return logprobs;
}
