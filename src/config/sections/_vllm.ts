import { z } from "../../deps/zod.ts";

/** Keys of `engine` that are of vLLM alone. */
export interface VllmConfig {
  readonly paths: { readonly from: string | null; readonly to: string | null };
  readonly sleep: boolean;
  readonly patience: number;
  readonly spawn: {
    readonly command: readonly string[] | null;
    readonly port: number;
    readonly ready: number;
  };
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
  spawn: z.strictObject({
    command: z.array(z.string()).min(1).nullable().default(null).describe(
      'Starts the server, in place of url: "serve", model.path and what the run needs are added, as in ["vllm"]; ' +
        "what follows the program's name is added behind these. A server that is there already is used.",
    ),
    port: z.int().min(1).max(65535).default(8000).describe(
      "Port that it listens at.",
    ),
    ready: z.number().positive().default(900).describe(
      "Seconds that it may take until it answers.",
    ),
  }).prefault({}).describe(
    "A vLLM server that is started with the run, and ends with it.",
  ),
  patience: z.number().positive().default(600).describe(
    "Seconds for which a server that is away, as while it is started again, is waited for before the run stops.",
  ),
  sleep: z.boolean().default(false).describe(
    "Whether they give up their GPU's memory during each update, for a trainer on the same GPU.",
  ),
};
