import { train } from "../launcher/mod.ts";
import { openView } from "../monitor/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { Interrupt, STOPPED } from "./interrupt.ts";
import { programName } from "./program.ts";
import { readConfig } from "./read_config.ts";

const FIRST =
  "Stopping: a step at work is finished and saved; Ctrl-C again stops at once";

const DEBUG_FLAGS = [
  "tasks",
  "episodes",
  "watch",
  "inspect",
  "inspect-wait",
  "inspect-brk",
];

/** `astuner train`: runs the agent and improves the model behind it. */
export async function run(args: Args): Promise<number> {
  const config = await readConfig(args);
  if (config.train.backbone === "debug") {
    const debug = await import("./debug.ts");
    return await debug.run(args, config);
  }
  const flag = DEBUG_FLAGS.find((flag) => args.has(flag));
  if (flag !== undefined) {
    throw new UsageError(`--${flag} goes with --backbone=debug`);
  }
  const resume = args.text("resume");
  using view = openView({ json: args.has("json") });
  using interrupt = new Interrupt(
    FIRST,
    (text) => view.show({ event: "note", text }),
  );
  const { stop, kill } = interrupt;
  try {
    const { finished } = await train(config, {
      view,
      stop,
      signal: kill,
      program: programName(),
      ...(resume !== undefined && { resume }),
    });
    return finished ? 0 : STOPPED;
  } catch (error) {
    if (kill.aborted || error === stop.reason) return STOPPED;
    throw error;
  }
}
