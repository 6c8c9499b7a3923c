import { z } from "../../deps/zod.ts";

/** When the run is saved. */
export interface CheckpointConfig {
  readonly every: number;
  readonly keep: number;
}

/** Schema of `checkpoint`. */
export const checkpointSchema: z.ZodType<CheckpointConfig> = z.strictObject({
  every: z.int().min(1).default(20).describe(
    "Save after each so many steps; the last step is always saved.",
  ),
  keep: z.int().min(0).default(2).describe(
    "Checkpoints kept, the latest ones; 0 keeps all.",
  ),
}).prefault({}).describe("When the run is saved.");
