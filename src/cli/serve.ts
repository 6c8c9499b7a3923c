import { serve } from "../launcher/mod.ts";
import { summariseMemory } from "../monitor/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { Interrupt, STOPPED } from "./interrupt.ts";
import { localConfig } from "./local_config.ts";
import { readServeConfig } from "./read_config.ts";

/** `astuner serve`: a model over the OpenAI protocol, until Ctrl-C. */
export async function run(args: Args): Promise<number> {
  const port = args.integer("port") ?? 8000;
  if (port > 65535) {
    throw new UsageError(`--port must be at most 65535, got ${port}`);
  }
  const config = await localConfig(await readServeConfig(args));
  using interrupt = new Interrupt("Stopping", (text) => console.error(text));
  const { stop } = interrupt;
  try {
    await using server = await serve(config, {
      port,
      onMemory: (memory) => console.error(summariseMemory(memory)),
      onNote: (text) => console.error(text),
      signal: stop,
    });
    console.log(`Serving ${server.model} at ${server.url}`);
    await aborted(stop);
    return 0;
  } catch (error) {
    if (error === stop.reason) return STOPPED;
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
