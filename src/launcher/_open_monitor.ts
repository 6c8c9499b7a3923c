import { join } from "node:path";
import { type Config, configYaml } from "../config/mod.ts";
import type { View } from "../monitor/mod.ts";
import { Dashboard } from "../monitor/dashboard/mod.ts";
import { RecordWriter } from "../monitor/records/mod.ts";
import { EventFileWriter } from "../monitor/tensorboard/mod.ts";
import type { Agent } from "./_open_agent.ts";

/** What a run is recorded by and shown on, beside its directory and the caller's view. */
export interface Monitor extends AsyncDisposable {
  readonly records: RecordWriter;
  /** The caller's view, and the dashboard with it. */
  readonly view: View;
}

/** What a monitor is opened for. */
export interface OpenMonitorOptions {
  /** The run directory, which is there already. */
  readonly run: string;
  readonly agent: Agent;
  /** Is told the dashboard's address, and then all that happens; the caller closes it. */
  readonly view: View;
}

/**
 * Opens the records of a run, and its dashboard where the config wants one.
 *
 * @throws {UserError} If the records cannot be written, or the dashboard cannot listen.
 */
export async function openMonitor(
  config: Config,
  { run, agent, view }: OpenMonitorOptions,
): Promise<Monitor> {
  const { keep_last: last, keep_every: every, ...monitor } = config.monitor;
  const { engine, tokenizer } = agent;
  await using opening = new AsyncDisposableStack();
  const records = opening.use(
    await RecordWriter.open(run, {
      tokenText: (id) => ({
        bytes: tokenizer.tokenBytes(id),
        special: tokenizer.isSpecial(id),
      }),
      about: { model: engine.info.model, config: configYaml(config) },
      retention: {
        ...(last !== null && { last }),
        ...(every !== null && { every }),
      },
    }),
  );
  const views: Pick<View, "show">[] = [view];
  if (monitor.tensorboard) {
    const folder = join(run, "tensorboard");
    views.push(opening.use(await EventFileWriter.create(folder)));
  }
  if (monitor.dashboard) {
    const dashboard = opening.use(await Dashboard.start([run], monitor));
    views.push(dashboard);
    view.show({ event: "note", text: `Dashboard: ${dashboard.url}` });
  }
  const open = opening.move();
  return {
    records,
    view: {
      show: (event) => views.forEach((view) => view.show(event)),
      [Symbol.dispose]() {},
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
