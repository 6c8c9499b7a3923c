import { z } from "../../deps/zod.ts";

/** What the run writes down and shows. */
export interface MonitorConfig {
  readonly live: boolean;
  readonly episodes: boolean;
}

/** Schema of `monitor`. */
export const monitorSchema: z.ZodType<MonitorConfig> = z.strictObject({
  live: z.boolean().default(true).describe(
    "Show a live view where standard error is a terminal; plain lines otherwise.",
  ),
  episodes: z.boolean().default(true).describe(
    "Keep every episode in the run directory: its tokens, logprobs, reward and log.",
  ),
}).prefault({}).describe("What the run writes down and shows.");
