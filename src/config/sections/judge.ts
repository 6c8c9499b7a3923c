import { z } from "../../deps/zod.ts";
import { BUILT_IN_JUDGES } from "../../judge/mod.ts";
import { inputPath } from "./_path.ts";

/** What turns an episode into a reward where the workflow returns none. */
export interface JudgeConfig {
  readonly path: string | null;
  readonly name: string | null;
}

/** Schema of `judge`. */
export const judgeSchema: z.ZodType<JudgeConfig> = z.strictObject({
  path: inputPath("./judge.ts").nullable().default(null).describe(
    "TypeScript file whose default export is a function of (task, output) that returns the reward.",
  ),
  name: z.enum(Object.keys(BUILT_IN_JUDGES)).nullable().default(null).describe(
    "A judge of this program by its name, in place of a file.",
  ),
}).prefault({}).describe(
  "What turns an episode into a reward where the workflow returns none.",
);
