import { evaluate } from "../launcher/mod.ts";
import { openView } from "../monitor/mod.ts";
import type { Args } from "./args.ts";
import { Interrupt, STOPPED } from "./interrupt.ts";
import { localConfig } from "./local_config.ts";
import { readConfig } from "./read_config.ts";

/** `astuner eval`: measures a model on the held-out tasks. */
export async function run(args: Args): Promise<number> {
  const config = await localConfig(await readConfig(args));
  using view = openView({ json: args.has("json") });
  using interrupt = new Interrupt(
    "Stopping",
    (text) => view.show({ event: "note", text }),
  );
  try {
    await evaluate(config, { view, signal: interrupt.stop });
    return 0;
  } catch (error) {
    if (interrupt.stop.aborted) return STOPPED;
    throw error;
  }
}
