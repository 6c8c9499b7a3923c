import { configJsonSchema, configYaml, defaultsYaml } from "../config/mod.ts";
import { workflowJsonSchemas } from "../runner/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { readConfig } from "./read_config.ts";

/** `astuner config`: prints the schema, the defaults, or a resolved config. */
export async function run(args: Args): Promise<number> {
  if (args.has("workflow-schema")) {
    console.log(JSON.stringify(workflowJsonSchemas(), null, 2));
    return 0;
  }
  const resolve = args.has("conf") || args.has("set") || args.has("seed");
  if (args.has("schema")) {
    if (resolve) {
      throw new UsageError("--schema stands alone: leave out the others");
    }
    console.log(JSON.stringify(configJsonSchema(), null, 2));
  } else if (resolve) {
    console.log(configYaml(await readConfig(args)).trimEnd());
  } else {
    console.log(defaultsYaml().trimEnd());
  }
  return 0;
}
