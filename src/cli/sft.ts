import { type FineTuned, fineTuneModel } from "../launcher/mod.ts";
import { type MemoryUse, summariseMemory } from "../monitor/mod.ts";
import { type FineTuneRecord, readJsonLines } from "../offline/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { Interrupt, STOPPED } from "./interrupt.ts";
import { outputFolder, outputType } from "./output_folder.ts";
import { neededFlag, readOfflineConfig } from "./read_offline_config.ts";
import { lineReporter } from "./write_line.ts";

/** `astuner sft`: teaches a model by example. */
export async function run(args: Args): Promise<number> {
  const config = await readOfflineConfig(args);
  const out = await outputFolder(args);
  using interrupt = new Interrupt(
    "Finishing the step at work, then saving; Ctrl-C again stops at once",
    (text) => console.error(text),
  );
  const report = lineReporter();
  const show = args.has("json") ? showJson(report) : showText(report);
  const steps = fineTuneModel(config, {
    lines: readJsonLines(neededFlag(args, "data")),
    out,
    batchSize: positive(args, "batch-size"),
    validationShare: share(args, "validation-share"),
    evalEvery: positive(args, "eval-every"),
    patience: args.integer("patience"),
    dtype: outputType(args),
    stop: interrupt.stop,
    onMemory: (memory) => show({ event: "memory", ...memory }),
    onNote: (text) => show({ event: "note", text }),
  });
  for (let next = await steps.next();; next = await steps.next()) {
    if (interrupt.kill.aborted) return STOPPED;
    if (next.done) {
      show({ event: "done", ...next.value, out });
      break;
    }
    show({ event: "step", ...next.value });
  }
  return interrupt.stop.aborted ? STOPPED : 0;
}

type Shown =
  | ({ readonly event: "memory" } & MemoryUse)
  | { readonly event: "note"; readonly text: string }
  | ({ readonly event: "step" } & FineTuneRecord)
  | ({ readonly event: "done"; readonly out: string } & FineTuned);

function showJson(report: (line: string) => void): (shown: Shown) => void {
  return (shown) => report(JSON.stringify(shown));
}

/** Lines for people: the losses, how fast it goes, and how long it will take. */
function showText(report: (line: string) => void): (shown: Shown) => void {
  let began: number | undefined;
  let tokens = 0;
  let first = 0;
  return (shown) => {
    if (shown.event === "memory") return report(summariseMemory(shown));
    if (shown.event === "note") return report(shown.text);
    if (shown.event === "done") return report(summaryLine(shown));
    const { step, steps, epoch, loss, validationLoss } = shown;
    const now = performance.now();
    // The first step also prepares the GPU, and says nothing about the rate of the others.
    if (began === undefined) [began, first] = [now, step];
    else tokens += shown.tokensComputed;
    const seconds = (now - began) / 1000;
    const rate = tokens / seconds;
    const left = seconds / (step - first) * (steps - step);
    report([
      `step ${step}/${steps}`,
      `epoch ${epoch}`,
      `loss ${loss.toFixed(4)}`,
      ...validationLoss === undefined
        ? []
        : [`validation ${validationLoss.toFixed(4)}`],
      ...tokens === 0
        ? []
        : [`${Math.round(rate)} tokens/s`, `${clock(left)} left`],
    ].join("  "));
  };
}

function summaryLine(
  { steps, bestStep, validationLoss, endedEarly, tooLong, out }:
    & { readonly out: string }
    & FineTuned,
): string {
  const best = validationLoss === undefined
    ? ""
    : `, the weights of step ${bestStep} with validation loss ${
      validationLoss.toFixed(4)
    }`;
  const early = endedEarly ? ", early" : "";
  const left = tooLong === 0
    ? ""
    : `; ${tooLong} examples were too long for --max-nodes`;
  return `Wrote ${out} after ${steps} steps${early}${best}${left}`;
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${`${whole % 60}`.padStart(2, "0")}`;
}

function positive(args: Args, flag: string): number | undefined {
  const value = args.integer(flag);
  if (value !== 0) return value;
  throw new UsageError(`--${flag} must be at least 1, got 0`);
}

function share(args: Args, flag: string): number | undefined {
  const text = args.text(flag);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (value >= 0 && value < 1) return value;
  throw new UsageError(
    `--${flag} must be a number from 0 to below 1, got "${text}"`,
  );
}
