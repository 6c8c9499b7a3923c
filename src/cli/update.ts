import { updateFromRollouts } from "../launcher/mod.ts";
import { summariseMemory } from "../monitor/mod.ts";
import { readJsonLines } from "../offline/mod.ts";
import type { Args } from "./args.ts";
import { Interrupt, STOPPED } from "./interrupt.ts";
import { outputFolder, outputType } from "./output_folder.ts";
import { neededFlag, readOfflineConfig } from "./read_offline_config.ts";
import { lineReporter } from "./write_line.ts";

/** `astuner update`: training steps on recorded rollouts. */
export async function run(args: Args): Promise<number> {
  const config = await readOfflineConfig(args);
  const out = await outputFolder(args);
  using interrupt = new Interrupt(
    "Finishing the step at work, then saving; Ctrl-C again stops at once",
    (text) => console.error(text),
  );
  const records = updateFromRollouts(config, {
    lines: readJsonLines(neededFlag(args, "rollouts")),
    out,
    onMemory: (memory) => console.error(summariseMemory(memory)),
    onNote: (text) => console.error(text),
    steps: args.integer("steps"),
    dtype: outputType(args),
    stop: interrupt.stop,
  });
  const report = lineReporter();
  for await (const record of records) {
    report(JSON.stringify(record));
    if (interrupt.kill.aborted) return STOPPED;
  }
  return interrupt.stop.aborted ? STOPPED : 0;
}
