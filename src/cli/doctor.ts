import type { Args } from "./args.ts";
import { examineMachine, type MachineReport } from "./examine_machine.ts";

/** `astuner doctor`: whether this machine can train, and what to do where it cannot. */
export async function run(args: Args): Promise<number> {
  const report = await examineMachine();
  console.log(
    args.has("json")
      ? JSON.stringify(report, null, 2)
      : [...describe(report)].join("\n"),
  );
  return report.ready ? 0 : 2;
}

function* describe(report: MachineReport): Generator<string> {
  const { versions, system, adapter, missing, notes } = report;
  yield `ASTuner ${versions.astuner}, Deno ${versions.deno}, V8 ${versions.v8} on ${system}`;
  if (adapter !== null) {
    const { name, backend, software, subgroups } = adapter;
    yield `Adapter    ${name}${
      software ? " (software)" : ""
    } through ${backend}`;
    yield `Subgroups  ${
      subgroups === null ? "none, emulated" : `of ${subgroups}`
    }`;
    for (const [limit, value] of Object.entries(adapter.limits)) {
      yield `Limit      ${limit} ${value}`;
    }
  }
  for (const note of notes) yield `Note       ${note}`;
  for (const what of missing) yield `Missing    ${what}`;
  yield report.ready
    ? "Ready      Training works here"
    : "Not ready  Training cannot work here yet";
}
