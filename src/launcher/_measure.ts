import type { Config } from "../config/mod.ts";
import type { Evaluation, View } from "../monitor/mod.ts";
import type { RecordWriter } from "../monitor/records/mod.ts";
import { deriveSeed, type Task } from "../reader/mod.ts";
import type { Episode } from "../rollout/mod.ts";
import type { Agent } from "./_open_agent.ts";

/** Parts the seeds of evaluations from those of training. */
const EVALUATION = 0xe7a1;

/** What an evaluation runs, and who is told. */
export interface MeasureOptions {
  readonly config: Config;
  readonly agent: Agent;
  readonly tasks: readonly Task[];
  readonly view: View;
  /** Where the episodes are recorded; nowhere if absent. */
  readonly records?: RecordWriter;
  /** Gives the evaluation up. */
  readonly signal: AbortSignal;
}

/** One way of sampling. */
interface Way {
  readonly kind: "sampled" | "greedy";
  readonly draws: number;
  readonly temperature: number;
}

/**
 * Runs the agent of `config` on held-out tasks, sampled and greedily.
 *
 * Every evaluation draws the same random numbers, so two of them differ by their weights alone.
 *
 * @throws The reason of `signal`.
 */
export async function measure(
  step: number,
  options: MeasureOptions,
): Promise<Evaluation> {
  const { tasks, config: { eval: { draws, greedy, temperature } } } = options;
  const began = performance.now();
  const ways: readonly Way[] = [
    { kind: "sampled", draws, temperature },
    { kind: "greedy", draws: Number(greedy), temperature: 0 },
  ];
  const played: Record<Way["kind"], readonly Episode[]> = {
    sampled: [],
    greedy: [],
  };
  const total = tasks.length * (draws + Number(greedy));
  for (const way of ways.filter(({ draws }) => draws > 0)) {
    const before = played.sampled.length;
    const onDone = (done: number) =>
      showProgress(before + done, total, options);
    played[way.kind] = await play(step, { ...options, ...way, onDone });
  }
  const { sampled, greedy: likeliest } = played;
  return {
    step,
    sampled: successOf(sampled),
    greedy: successOf(likeliest),
    tasks: tasks.length,
    sampledEpisodes: sampled.length,
    greedyEpisodes: likeliest.length,
    failures: [...sampled, ...likeliest]
      .filter(({ error }) => error !== undefined).length,
    seconds: (performance.now() - began) / 1000,
  };
}

async function play(
  step: number,
  options: MeasureOptions & Way & { readonly onDone: (done: number) => void },
): Promise<readonly Episode[]> {
  const { config, agent, tasks, records, kind, draws } = options;
  const { temperature, signal } = options;
  const groups = await agent.play(tasks, {
    seed: deriveSeed([config.seed, EVALUATION]),
    step: 0,
    name: `eval-${step}-${kind}`,
    groupSize: draws,
    force: { temperature },
    onProgress: ({ done }) => options.onDone(done),
    signal,
  });
  if (config.monitor.episodes) {
    await records?.writeBatch({ step, kind, groups });
  }
  return groups.flatMap(({ episodes }) => episodes);
}

function showProgress(
  done: number,
  total: number,
  { view }: MeasureOptions,
): void {
  const unit = "episodes";
  view.show({ event: "progress", stage: "evaluate", done, total, unit });
}

function successOf(episodes: readonly Episode[]): number | null {
  const solved = episodes.filter(({ success }) => success).length;
  return episodes.length === 0 ? null : solved / episodes.length;
}
