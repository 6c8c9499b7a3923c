import { z } from "../../deps/zod.ts";

/** What the run writes down. */
export interface MonitorConfig {
  readonly episodes: boolean;
}

/** Schema of `monitor`. */
export const monitorSchema: z.ZodType<MonitorConfig> = z.strictObject({
  episodes: z.boolean().default(true).describe(
    "Keep every episode in the run directory: its tokens, logprobs, reward and log.",
  ),
}).prefault({}).describe("What the run writes down.");
