import {
  type Backbone,
  type JobRolloutOptions,
  WebGpuBackbone,
} from "../backbone/mod.ts";
import { type Config, configYaml } from "../config/mod.ts";
import { UserError } from "../errors.ts";
import { type Evaluation, RunStore } from "../monitor/mod.ts";
import type { RecordWriter } from "../monitor/records/mod.ts";
import { type Task, TaskCursor } from "../reader/mod.ts";
import type { Group } from "../rollout/mod.ts";
import { openTelemetry, traced } from "../telemetry/mod.ts";
import { localModel } from "./local_model.ts";
import { measure } from "./_measure.ts";
import { type Agent, openAgent } from "./_open_agent.ts";
import { openMonitor } from "./_open_monitor.ts";
import { readTaskSet } from "./_read_task_set.ts";
import { newRunDirectory } from "./_new_run_directory.ts";
import type { Summary, TrainOptions } from "./types.ts";

/** How each backbone that trains is made, by its name in the config. */
const BACKBONES: Readonly<
  Record<
    Exclude<Config["train"]["backbone"], "debug">,
    (agent: Agent) => Backbone
  >
> = {
  webgpu: ({ policy, engine, adapter, remote }) =>
    new WebGpuBackbone({ policy: policy!, engine, adapter, remote }),
};

/**
 * Runs a training run from its beginning, or from its latest checkpoint, to its end.
 *
 * @throws {UserError} If something that the config names cannot be used, or too many episodes fail;
 *   what was trained until then is saved.
 * @throws The reason of `signal`, where that is aborted, or of `stop`, where a server is waited for that is started.
 */
export async function train(
  given: Config,
  options: TrainOptions,
): Promise<Summary> {
  const { stop, signal, resume, program = "astuner" } = options;
  const { backbone: name } = given.train;
  if (name === "debug") {
    throw new UserError(
      "train.backbone debug updates no weights: it is run by the train command alone",
    );
  }
  const began = performance.now();
  await openTelemetry();
  const run = resume ?? given.run_dir ?? newRunDirectory(given.name);
  if (resume === undefined) await RunStore.checkNew(run);
  // The run's own copy of the config names the folder, and so the commit, that it began with.
  const config = await localModel(given, ({ done, total }) => {
    const unit = "bytes";
    options.view.show({ event: "progress", stage: "open", done, total, unit });
  });
  const taskSet = await readTaskSet(config);
  const tasks = new TaskCursor(taskSet.train, {
    seed: config.seed,
    shuffle: config.tasks.shuffle,
  });
  await using agent = await openAgent(config, {
    trained: true,
    view: options.view,
    // There is nothing yet that could be ended well.
    opening: AbortSignal.any([stop, signal].filter((end) => end !== undefined)),
    signal,
  });
  using store = resume === undefined
    ? await RunStore.create(run, configYaml(config))
    : await RunStore.reopen(run, configYaml(config));
  await using monitor = await openMonitor(config, {
    run,
    agent,
    view: options.view,
  });
  const { records, view } = monitor;

  const job = {
    config,
    tasks,
    store,
    records,
    view,
    ...(stop && { stop }),
    ...(signal && { signal }),
  };
  const backbone = BACKBONES[name](agent);
  const attributes = { "astuner.run": run, "astuner.backbone": name };
  const { steps, finished } = await traced(
    "train",
    { attributes },
    () =>
      backbone.run({
        ...job,
        rollout: (tasks, options) =>
          rolloutStep(tasks, { ...job, agent, options }),
        ...(taskSet.validation.length > 0 && {
          evaluate: (step: number) =>
            evaluateStep(step, { ...job, agent, tasks: taskSet.validation }),
        }),
      }),
  );
  const seconds = (performance.now() - began) / 1000;
  const evaluated = await firstAndLast(store, config);
  view.show(
    finished ? { event: "done", steps, seconds, eval: evaluated, run } : {
      event: "stopped",
      steps,
      seconds,
      run,
      resume: `${program} train --resume ${run}`,
    },
  );
  return { run, steps, seconds, finished, eval: evaluated };
}

interface Step extends Pick<TrainOptions, "view" | "stop" | "signal"> {
  readonly config: Config;
  readonly agent: Agent;
  readonly store: RunStore;
  readonly records: RecordWriter;
}

function rolloutStep(
  tasks: readonly Task[],
  { config, agent, view, signal, options }: Step & {
    readonly options: JobRolloutOptions;
  },
): Promise<Group[]> {
  return agent.play(tasks, {
    seed: config.seed,
    groupSize: config.rollout.group_size,
    ...(signal && { signal }),
    ...options,
    onProgress: ({ done, total }) => {
      const unit = "episodes";
      view.show({ event: "progress", stage: "rollout", done, total, unit });
    },
  });
}

/** @returns Undefined where `stop` was aborted before the end. */
async function evaluateStep(
  step: number,
  options: Step & { readonly tasks: readonly Task[] },
): Promise<Evaluation | undefined> {
  const { stop, signal } = options;
  const ends = [stop, signal].filter((end) => end !== undefined);
  try {
    return await measure(step, {
      ...options,
      signal: AbortSignal.any(ends),
    });
  } catch (error) {
    if (stop?.aborted && !signal?.aborted) return undefined;
    throw error;
  }
}

async function firstAndLast(
  store: RunStore,
  { train }: Config,
): Promise<Summary["eval"]> {
  const evaluations = await store.evaluations();
  const at = (wanted: number) =>
    evaluations.find(({ step }) => step === wanted) ?? null;
  return { before: at(0), after: at(train.steps) };
}
