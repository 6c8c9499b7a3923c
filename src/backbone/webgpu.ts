import { resolve } from "node:path";
import {
  algorithmOf,
  optimizerOf,
  probeBoundOf,
  refillsOf,
} from "../config/mod.ts";
import type { Engine, WeightSink } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import type { AdapterConfig } from "../model/mod.ts";
import type { Policy } from "../nn/mod.ts";
import { ScoreBook } from "../monitor/records/mod.ts";
import { FailureBudgetError, type Group } from "../rollout/mod.ts";
import { traced } from "../telemetry/mod.ts";
import { adapterOfAgent, updateAdapters } from "../trainer/mod.ts";
import { chooseTimelines } from "./_choose_timelines.ts";
import { evaluateIfDue } from "./_evaluate_if_due.ts";
import { Publisher } from "./_publisher.ts";
import { hasSpread } from "./_refill.ts";
import { RolloutsAhead } from "./_rollouts_ahead.ts";
import { sampleProbe } from "./_sample_probe.ts";
import { ServedVersions } from "./_served_versions.ts";
import { ownAdapters } from "./save_adapters.ts";
import { stepRecord } from "./_step_record.ts";
import { StepRecording } from "./_step_recording.ts";
import { Stopwatch } from "./_stopwatch.ts";
import {
  latestCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
} from "./checkpoint.ts";
import { probe, type ProbeGap, widestGap } from "./probe.ts";
import type { Backbone, Job, Outcome } from "./types.ts";

/** What the `webgpu` backbone trains. */
export interface WebGpuBackboneOptions {
  readonly policy: Policy;
  /** Serves the policy: its own weights, or those that `remote` is given. */
  readonly engine: Engine;
  /** Shape of the adapter that is trained; absent where the weights themselves are. */
  readonly adapter?: AdapterConfig | undefined;
  /** Where the engine is in another process: what reaches it there. */
  readonly remote?: RemoteEngine | undefined;
}

/** A job at work. */
interface RunningJob extends Job {
  readonly ahead: RolloutsAhead;
  readonly served: ServedVersions;
}

/** An engine that has weights of its own. */
export interface RemoteEngine {
  readonly weights: WeightSink;
  /** Has it sample nothing until that is disposed of; absent where scoring leaves the sampling alone. */
  readonly hold?: () => Promise<Disposable>;
  /** Frees the GPU that it shares with the trainer; absent where it has its own. */
  readonly sleep?: () => Promise<void>;
  /** Undoes `sleep`. */
  readonly wake?: () => Promise<void>;
}

/** Most tokens of a probe. */
const PROBE_TOKENS = 512;

/**
 * Trains in this process: a step rolls out a batch of groups, updates the policy, has the engine
 * serve it, probes that it does, and records what it measured.
 *
 * A step's randomness derives from the run's seed and the step's number alone, so a run that was
 * killed repeats the steps since its latest checkpoint as they were. With `rollout.max_staleness`,
 * rollouts go on during an update, and which version a call samples from depends on timing.
 */
export class WebGpuBackbone implements Backbone {
  readonly #policy: Policy;
  readonly #engine: Engine;
  readonly #adapter: AdapterConfig | undefined;
  readonly #remote: RemoteEngine | undefined;
  #publisher: Publisher | undefined;
  /** The widest gap of the first probe of a remote engine. */
  #firstGap: number | undefined;

  constructor({ policy, engine, adapter, remote }: WebGpuBackboneOptions) {
    this.#policy = policy;
    this.#engine = engine;
    this.#adapter = adapter;
    this.#remote = remote;
  }

  async run(given: Job): Promise<Outcome> {
    const { config, stop } = given;
    const { steps } = config.train;
    let step = await this.#restore(given);
    await this.#serveFirst(given);
    await using ahead = new RolloutsAhead(given, step);
    const served = new ServedVersions(this.#policy.version);
    const job = { ...given, ahead, served };
    job.view.show({
      event: "start",
      run: job.store.directory,
      model: this.#engine.info.model,
      steps,
      from: step,
    });
    for (;; step++) {
      const measured = await evaluateIfDue(step, job);
      if (measured && step >= steps) return { steps: step, finished: true };
      if (stop?.aborted) return { steps: step, finished: false };
      await traced(
        "step",
        { attributes: { "astuner.step": step + 1 } },
        () => this.#step(step + 1, job),
      );
      const due = (step + 1) % config.checkpoint.every === 0;
      if (due || step + 1 >= steps || stop?.aborted) {
        await this.#save(step + 1, job);
      }
    }
  }

  /** @returns Steps taken before; what was recorded of later ones is forgotten. */
  async #restore({ config, store, records, tasks }: Job): Promise<number> {
    const folder = await latestCheckpoint(store.checkpoints);
    if (folder === undefined) {
      await store.cutAfter(0);
      await records?.cutAfter(0);
      return 0;
    }
    const state = await loadCheckpoint(folder, this.#policy);
    if (state.seed !== config.seed) {
      throw new UserError(
        `Cannot resume ${store.directory} with seed ${config.seed}: it was begun with seed ${state.seed}`,
      );
    }
    tasks.restore(state.tasks);
    await store.cutAfter(state.step);
    await records?.cutAfter(state.step);
    return state.step;
  }

  /** Has the engine serve the policy that the run begins, or goes on, with. */
  async #serveFirst({ config, store }: Job): Promise<void> {
    if (this.#remote) {
      this.#publisher = new Publisher({
        policy: this.#policy,
        adapter: this.#adapter,
        model: config.model.path,
        // Absolute: the server may have been started elsewhere.
        root: resolve(store.directory, SERVED),
        sink: this.#remote.weights,
      });
    }
    await this.#serve();
    if (!this.#remote) return;
    const gaps = await this.#probe(() => [], config);
    const { tokens, max } = widestGap(gaps);
    if (tokens > 0) this.#firstGap = max;
  }

  /** Has the engine serve the policy as it is now. */
  #serve(): Promise<void> {
    return this.#publisher?.publish() ??
      this.#policy.sync(this.#policy.version);
  }

  /** Runs `work` while the engine leaves the GPU to it, where they share one. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    await this.#remote?.sleep?.();
    try {
      return await work();
    } finally {
      await this.#remote?.wake?.();
    }
  }

  /**
   * Compares each adapter as it is served with the trained one, over sequences that were sampled from it. Where an
   * adapter has none, an engine elsewhere, to which it was sent, samples some for it.
   */
  async #probe(
    recordedOf: (adapter: string) => readonly Uint32Array[],
    config: Job["config"],
  ): Promise<ReadonlyMap<string, ProbeGap>> {
    const engine = this.#engine;
    const sequences = new Map<string, readonly Uint32Array[]>();
    for (const adapter of this.#policy.adapters) {
      const recorded = recordedOf(adapter);
      const isUnheard = recorded.length === 0 && this.#remote !== undefined;
      sequences.set(
        adapter,
        isUnheard ? await sampleProbe(engine, adapter) : recorded,
      );
    }
    using _ = await this.#remote?.hold?.();
    const gaps = new Map<string, ProbeGap>();
    for (const [adapter, own] of sequences) {
      const policy = this.#policy.of(adapter);
      const maxGap = probeBoundOf(config, this.#firstGap);
      gaps.set(adapter, await probe(own, { policy, engine, adapter, maxGap }));
    }
    return gaps;
  }

  async #step(step: number, job: RunningJob): Promise<void> {
    const { config, store, records, view, ahead, served } = job;
    const { max_staleness } = config.rollout;
    const policy = this.#policy;
    const watch = new Stopwatch();
    ahead.allow(step + max_staleness);
    const groups = await watch.time("rollout", () => this.#rollout(step, job));
    const staleness = served.enforce(groups, max_staleness);
    await using recording = new StepRecording(step, job);

    view.show({ event: "progress", stage: "update", ...WHOLE });
    const optimizer = optimizerOf(step, config.train);
    const dropped = refillsOf(config) > 0;
    const scores = new ScoreBook();
    const updated = await watch.time(
      "update",
      () =>
        this.#alone(() =>
          updateAdapters(policy, dropped ? groups.filter(hasSpread) : groups, {
            algorithm: algorithmOf(config.train.algorithm),
            optimizer,
            epochs: config.train.epochs,
            minibatches: config.train.minibatches,
            observe: (scored) => scores.add(scored),
          })
        ),
    );
    recording.begin(groups, scores);
    const gaps = await watch.time("sync", async () => {
      await this.#serve();
      served.add(policy.version);
      return await this.#probe(
        (adapter) =>
          chooseTimelines(groups, {
            maxTokens: Math.min(PROBE_TOKENS, policy.maxNodes),
            isWanted: (agent) => adapterOfAgent(agent, policy) === adapter,
          }),
        config,
      );
    });

    // Its episodes are written before the step is: who finds a step finds them.
    const recordWork = await watch.time("record", () => recording.written());
    const record = stepRecord(step, {
      groups,
      updated,
      staleness,
      gaps,
      learningRate: optimizer.learningRate,
      policyVersion: policy.version,
      seconds: watch.seconds({ recordWork }),
    });
    await store.appendStep(record);
    await records?.writeStep(record);
    view.show({ event: "step", ...record });
    if (step === 1) this.#noteSilent(groups, job);
  }

  /** Says which agents of the config have not been heard of: their names may be misspelt. */
  #noteSilent(groups: readonly Group[], { view }: Job): void {
    const heard = new Set(
      groups.flatMap(({ episodes }) => episodes)
        .flatMap(({ tree }) => tree.calls.map(({ agent }) => agent)),
    );
    const silent = ownAdapters(this.#policy)
      .filter((name) => !heard.has(name));
    if (silent.length === 0) return;
    view.show({
      event: "note",
      text: `No call came from ${
        silent.join(", ")
      } of train.lora.agents; agents that called: ${[...heard].join(", ")}`,
    });
  }

  /** Waits for the step's episodes; should they fail, what was trained is saved. */
  async #rollout(step: number, job: RunningJob): Promise<readonly Group[]> {
    try {
      return await job.ahead.take(step);
    } catch (error) {
      if (job.signal?.aborted) throw error;
      if (error instanceof FailureBudgetError) {
        await using recording = new StepRecording(step, job);
        recording.begin(error.groups);
        await recording.written();
      }
      if (step > 1) await this.#save(step - 1, job);
      throw error;
    }
  }

  async #save(step: number, job: RunningJob): Promise<void> {
    const { config, store, ahead, view } = job;
    view.show({ event: "progress", stage: "save", ...WHOLE });
    await saveCheckpoint(store.checkpoints, {
      policy: this.#policy,
      adapter: this.#adapter,
      model: config.model.path,
      state: {
        step,
        version: this.#policy.version,
        tasks: ahead.drawn,
        seed: config.seed,
      },
      keep: config.checkpoint.keep,
    });
  }
}

/** Where the versions that a remote engine loads are, in the run directory. */
const SERVED = "served";

/** Work that is one piece to whoever watches. */
const WHOLE = { done: 0, total: 0, unit: "" } as const;
