import { UserError } from "../errors.ts";
import { episodeAnswer } from "../monitor/dashboard/mod.ts";
import { readRecords, RecordReader } from "../monitor/records/mod.ts";
import {
  episodeReport,
  runReport,
  worstEpisodes,
} from "../monitor/report/mod.ts";
import type { Args } from "./args.ts";

/** `astuner inspect`: a run, a step or an episode, on the terminal. */
export function run(args: Args): Promise<number> {
  const [directory] = args.positionals;
  if (directory === undefined) {
    throw new UserError("Say which run to look at: inspect runs/my-run");
  }
  using reader = new RecordReader(directory);
  console.log(readRecords(directory, () => answer(reader, args)));
  return Promise.resolve(0);
}

/** @throws {UserError} If there is no such step or episode. */
function answer(reader: RecordReader, args: Args): string {
  const { directory } = reader;
  const id = args.integer("episode");
  const step = args.integer("step");
  const worst = args.integer("worst") ?? 5;
  const color = !Deno.noColor && Deno.stdout.isTerminal();
  if (id !== undefined) {
    const episode = episodeAnswer(reader, id);
    if (episode === undefined) {
      throw new UserError(`There is no episode ${id} in ${directory}`);
    }
    return args.has("json")
      ? JSON.stringify(episode)
      : episodeReport(reader, episode, { color });
  }
  if (step !== undefined) checkStep(reader, step);
  return args.has("json")
    ? JSON.stringify(runAnswer(reader, step, worst))
    : runReport(reader, { ...(step !== undefined && { step }), worst, color });
}

/** @throws {UserError} If there is no such step. */
function checkStep(reader: RecordReader, step: number): void {
  const last = reader.lastStep();
  if (step >= 1 && step <= last) return;
  throw new UserError(
    `There is no step ${step} in ${reader.directory}: ` +
      (last === 0 ? "none is done yet" : `they are 1 to ${last}`),
  );
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
    worst: worstEpisodes(reader, at, worst).rows,
    ...(step === undefined && { health: reader.health() }),
  };
}
