import { updateFromRollouts } from "../launcher/mod.ts";
import { summariseMemory } from "../monitor/mod.ts";
import { readJsonLines } from "../offline/mod.ts";
import type { Args } from "./args.ts";
import { outputFolder, outputType } from "./output_folder.ts";
import { neededFlag, readOfflineConfig } from "./read_offline_config.ts";
import { lineReporter } from "./write_line.ts";

/** `astuner update`: training steps on recorded rollouts. */
export async function run(args: Args): Promise<number> {
  const records = updateFromRollouts(await readOfflineConfig(args), {
    lines: readJsonLines(neededFlag(args, "rollouts")),
    out: await outputFolder(args),
    onMemory: (memory) => console.error(summariseMemory(memory)),
    onNote: (text) => console.error(text),
    steps: args.integer("steps"),
    dtype: outputType(args),
  });
  const report = lineReporter();
  for await (const record of records) report(JSON.stringify(record));
  return 0;
}
