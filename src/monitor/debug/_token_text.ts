import { visible } from "../dashboard/page/visible.js";
import type { Paint } from "../report/_text.ts";
import type { TokenAccount } from "./types.ts";

/** Below it, a token was no matter of course, and its logprob is written. */
const DOUBT = -0.1;

/** Below it, the token surprises. */
const SURPRISE = -2;

/** Sampled tokens, one after the other, with the logprobs of those that were in doubt. */
export function tokenText(
  tokens: readonly TokenAccount[],
  { paint }: { readonly paint: Paint },
): string {
  return tokens.map(({ text, logprob }) => {
    const shown = visible(text);
    if (logprob === null) return shown;
    if (logprob > DOUBT) return paint("dim", shown);
    const color = logprob > SURPRISE ? "yellow" : "red";
    return paint(color, `${shown} ${logprob.toFixed(1)}`);
  }).join(paint("dim", "│"));
}
