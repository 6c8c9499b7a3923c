import { MODEL_COMMANDS, planRun } from "../launcher/mod.ts";
import { describeMemory } from "../monitor/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { readServeConfig } from "./read_config.ts";

/** `astuner plan`: the memory that a command would take. */
export async function run(args: Args): Promise<number> {
  const name = args.text("for") ?? "train";
  const command = MODEL_COMMANDS.find((known) => known === name);
  if (command === undefined) {
    throw new UsageError(
      `--for must be one of ${MODEL_COMMANDS.join(", ")}, got "${name}"`,
    );
  }
  const memory = await planRun(await readServeConfig(args), command);
  console.log(
    args.has("json")
      ? JSON.stringify(memory)
      : describeMemory(memory).join("\n"),
  );
  return 0;
}
