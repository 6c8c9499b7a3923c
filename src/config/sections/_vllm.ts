import { z } from "../../deps/zod.ts";

/** Keys of `engine` that are of vLLM alone. */
export interface VllmConfig {
  readonly paths: { readonly from: string | null; readonly to: string | null };
  readonly sleep: boolean;
}

/** Schemas of the keys of `engine` that are of vLLM alone. */
export const vllmKeys = {
  paths: z.strictObject({
    from: z.string().min(1).nullable().default(null).describe(
      "A folder here, such as /home/me/runs.",
    ),
    to: z.string().min(1).nullable().default(null).describe(
      "What the servers call it.",
    ),
  }).prefault({}).describe(
    "Where the servers see the run directory, from which they load new weights, under another path.",
  ),
  sleep: z.boolean().default(false).describe(
    "Whether they give up their GPU's memory during each update, for a trainer on the same GPU.",
  ),
};
