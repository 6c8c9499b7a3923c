import type { Call } from "./types.ts";

/** Some servers write this in place of a logprob that they did not compute. */
const MISSING_LOGPROB = -9999;

/** A logprob this far above 0 is still the rounding of a certain token. */
const ROUNDING = 1e-4;

/**
 * Why no gradient may flow through a call, in plain words; undefined where it is trainable.
 *
 * The gateway's own reason comes first. Otherwise the ids, logprobs and temperature are checked:
 * a logprob that is missing, NaN, infinite or positive cannot have come with its token.
 */
export function untrainableReason(call: Call): string | undefined {
  if (call.untrainable !== undefined) return call.untrainable;
  const { prompt, tokens, logprobs, temperature } = call;
  if (prompt.length === 0) return "the prompt is empty";
  if (tokens.length !== logprobs.length) {
    return `${tokens.length} tokens came with ${logprobs.length} logprobs`;
  }
  const broken = logprobs.findIndex((logprob) =>
    !(logprob <= ROUNDING && logprob > MISSING_LOGPROB)
  );
  if (broken >= 0) {
    return `the logprob of sampled token ${broken} is ${logprobs[broken]}`;
  }
  if (!(temperature > 0 && temperature < Infinity)) {
    return `tokens sampled at temperature ${temperature} have no policy gradient`;
  }
  return undefined;
}
