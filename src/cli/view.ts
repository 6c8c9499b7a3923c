import { UserError } from "../errors.ts";
import { Dashboard } from "../monitor/dashboard/mod.ts";
import type { Args } from "./args.ts";
import { Interrupt } from "./interrupt.ts";

/** `astuner view`: shows runs, finished or at work, in a browser. */
export async function run(args: Args): Promise<number> {
  const { positionals } = args;
  if (positionals.length === 0) {
    throw new UserError("Say which run to show: view runs/my-run");
  }
  const host = args.text("host");
  await using dashboard = await Dashboard.start(positionals, {
    ...(host !== undefined && { host }),
    port: args.integer("port") ?? 0,
  });
  console.log(`Dashboard: ${dashboard.url}`);
  using interrupt = new Interrupt("Closing", () => {});
  await ended(interrupt.stop);
  return 0;
}

function ended(stop: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stop.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
