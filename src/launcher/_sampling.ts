import type { ServeConfig } from "../config/mod.ts";
import type { Sampling } from "../engine/mod.ts";

/** How the config has the policy sample where a request says nothing. */
export function samplingOf({ rollout }: ServeConfig): Partial<Sampling> {
  return {
    temperature: rollout.temperature,
    topP: rollout.top_p,
    topK: rollout.top_k,
    minP: rollout.min_p,
    maxTokens: rollout.max_tokens,
  };
}
