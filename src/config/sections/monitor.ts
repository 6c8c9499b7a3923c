import { z } from "../../deps/zod.ts";

/** What the run writes down and shows. */
export interface MonitorConfig {
  readonly episodes: boolean;
  readonly keep_last: number | null;
  readonly keep_every: number | null;
  readonly tensorboard: boolean;
  readonly dashboard: boolean;
  readonly host: string;
  readonly port: number;
}

/** Schema of `monitor`. */
export const monitorSchema: z.ZodType<MonitorConfig> = z.strictObject({
  episodes: z.boolean().default(true).describe(
    "Keep every episode in the run directory: its tokens, logprobs, reward and log.",
  ),
  keep_last: z.int().min(1).nullable().default(null).describe(
    "Steps whose episodes stay in the records, the last ones; null keeps all.",
  ),
  keep_every: z.int().min(1).nullable().default(null).describe(
    "Besides, the episodes of each step that is a multiple of this stay; null adds none.",
  ),
  tensorboard: z.boolean().default(false).describe(
    "Write the metrics for TensorBoard too, in tensorboard/ of the run directory.",
  ),
  dashboard: z.boolean().default(true).describe(
    "Show the run in a browser while it trains; its address is printed.",
  ),
  host: z.string().min(1).default("127.0.0.1").describe(
    "Address the dashboard listens on; with any but 127.0.0.1, its URL has a token.",
  ),
  port: z.int().min(0).max(65535).default(0).describe(
    "Port of the dashboard; 0 takes a free one.",
  ),
}).prefault({}).describe("What the run writes down and shows.");
