import { UserError } from "../errors.ts";
import { episodeAnswer } from "../monitor/dashboard/mod.ts";
import { RecordReader } from "../monitor/records/mod.ts";
import { episodeReport, runReport } from "../monitor/report/mod.ts";
import type { Args } from "./args.ts";

/** `astuner inspect`: a run, a step or an episode, on the terminal. */
export function run(args: Args): Promise<number> {
  const [directory] = args.positionals;
  if (directory === undefined) {
    throw new UserError("Say which run to look at: inspect runs/my-run");
  }
  using reader = new RecordReader(directory);
  const id = args.integer("episode");
  const step = args.integer("step");
  const worst = args.integer("worst") ?? 5;
  const color = !Deno.noColor && Deno.stdout.isTerminal();
  if (id !== undefined) {
    const episode = episodeAnswer(reader, id);
    if (episode === undefined) {
      throw new UserError(`There is no episode ${id} in ${directory}`);
    }
    console.log(
      args.has("json")
        ? JSON.stringify(episode)
        : episodeReport(reader, episode, { color }),
    );
  } else if (args.has("json")) {
    console.log(JSON.stringify(runAnswer(reader, step, worst)));
  } else {
    console.log(
      runReport(reader, { ...(step !== undefined && { step }), worst, color }),
    );
  }
  return Promise.resolve(0);
}

function runAnswer(
  reader: RecordReader,
  step: number | undefined,
  worst: number,
): unknown {
  const at = step ?? reader.lastStep();
  return {
    step: at,
    series: reader.series({ from: at, to: at }),
    worst: reader.episodes({
      from: at,
      to: at,
      kind: "train",
      sort: "reward",
      order: "asc",
      limit: worst,
    }).rows,
    ...(step === undefined && { health: reader.health() }),
  };
}
