import { basename } from "node:path";
import { UserError } from "../errors.ts";
import { RecordReader } from "../monitor/records/mod.ts";
import { compareReport, compareRuns } from "../monitor/report/mod.ts";
import type { Args } from "./args.ts";

/** `astuner compare`: two runs, metric by metric. */
export function run(args: Args): Promise<number> {
  const [first, second] = args.positionals;
  if (first === undefined || second === undefined) {
    throw new UserError("Say which two runs to compare: compare runs/a runs/b");
  }
  using a = new RecordReader(first);
  using b = new RecordReader(second);
  const rows = compareRuns(a, b);
  const color = !Deno.noColor && Deno.stdout.isTerminal();
  console.log(
    args.has("json") ? JSON.stringify(rows) : compareReport(rows, {
      names: [basename(first), basename(second)],
      color,
    }),
  );
  return Promise.resolve(0);
}
