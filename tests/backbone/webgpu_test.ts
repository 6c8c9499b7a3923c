import { join } from "node:path";
import {
  type Job,
  latestCheckpoint,
  WebGpuBackbone,
} from "../../src/backbone/mod.ts";
import { UserError } from "../../src/errors.ts";
import type {
  Evaluation,
  RunEvent,
  StepRecord,
} from "../../src/monitor/mod.ts";
import { RecordReader } from "../../src/monitor/records/mod.ts";
import { FailureBudgetError } from "../../src/rollout/mod.ts";
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertTrue,
} from "../assert.ts";
import { type BigramProcess, bigramRun, openRecords } from "./_bigram_job.ts";

function train({ policy, engine, job }: BigramProcess) {
  return new WebGpuBackbone({ policy, engine }).run(job);
}

/** Everything in a record that must repeat. */
function comparable(records: readonly StepRecord[]) {
  return records.map(({ seconds: _, ...record }) => record);
}

function evaluation(step: number): Evaluation {
  return {
    step,
    sampled: 0,
    greedy: 0,
    tasks: 1,
    sampledEpisodes: 1,
    greedyEpisodes: 1,
    failures: 0,
    seconds: 0,
  };
}

Deno.test("WebGpuBackbone learns, and records what it measured", async () => {
  await using run = await bigramRun(["train.steps=40"]);
  using process = await run.open();
  assertEquals(await train(process), { steps: 40, finished: true });

  const steps = await process.job.store.steps();
  assertEquals(steps.map(({ step }) => step), steps.map((_, at) => at + 1));
  assertTrue(steps.slice(0, 5).every(({ success }) => success < 0.4));
  assertTrue(steps.slice(-5).every(({ success }) => success > 0.7));
  const [first] = steps;
  assertEquals(first!.episodes, 12);
  assertEquals(first!.policyVersion, 1);
  assertTrue(first!.probeGapMax as number < 1e-6);
  assertTrue(first!.tokensComputed as number < (first!.tokensSeen as number));
});

Deno.test("WebGpuBackbone ends with the same metrics, wherever it was killed", async () => {
  const set = ["train.steps=10", "train.decay=linear"];
  await using whole = await bigramRun(set);
  using process = await whole.open();
  await train(process);
  const expected = comparable(await process.job.store.steps());

  for (const killedIn of [1, 2, 4, 6, 7, 10]) {
    await using run = await bigramRun(set);
    {
      using killed = await run.open();
      const { promise, resolve } = Promise.withResolvers<void>();
      const rollout: Job["rollout"] = (tasks, options) => {
        if (options.step < killedIn) return killed.job.rollout(tasks, options);
        resolve();
        return new Promise(() => {}); // a killed process runs nothing more
      };
      train({ ...killed, job: { ...killed.job, rollout } });
      await promise;
    }
    using resumed = await run.open();
    await train(resumed);
    assertEquals(comparable(await resumed.job.store.steps()), expected);
  }
});

Deno.test("WebGpuBackbone.run() saves the step at work when it is asked to stop", async () => {
  await using run = await bigramRun(["train.steps=10"]);
  const stop = new AbortController();
  {
    using process = await run.open({ stop: stop.signal });
    const show = process.job.view.show;
    const view = {
      ...process.job.view,
      show(event: RunEvent) {
        if (event.event === "step" && event.step === 2) stop.abort();
        show(event);
      },
    };
    const job = { ...process.job, view };
    assertEquals(await train({ ...process, job }), {
      steps: 2,
      finished: false,
    });
  }
  using process = await run.open();
  assertEquals(
    await latestCheckpoint(process.job.store.checkpoints),
    join(run.folder, "checkpoints", "step-000002"),
  );
  assertEquals(await train(process), { steps: 10, finished: true });
});

Deno.test("WebGpuBackbone evaluates when it is due, and not again after a resume", async () => {
  await using run = await bigramRun(["train.steps=4", "eval.every=2"]);
  const asked: number[] = [];
  const evaluate = (step: number) => {
    asked.push(step);
    return Promise.resolve(evaluation(step));
  };
  {
    using process = await run.open({ evaluate });
    await train(process);
  }
  assertEquals(asked, [0, 2, 4]);
  using process = await run.open({ evaluate });
  await train(process);
  assertEquals(asked, [0, 2, 4]);
  assertEquals(
    await process.job.store.evaluations(),
    [0, 2, 4].map(evaluation),
  );
});

Deno.test("WebGpuBackbone.run() saves what was trained before episodes failed", async () => {
  await using run = await bigramRun(["train.steps=10"]);
  using process = await run.open();
  const rollout: Job["rollout"] = async (tasks, options) => {
    const groups = await process.job.rollout(tasks, options);
    if (options.step < 3) return groups;
    throw new FailureBudgetError(groups, { budget: 0, total: 12 });
  };
  await using records = await openRecords(run.folder);
  await assertRejects(
    () => train({ ...process, job: { ...process.job, records, rollout } }),
    FailureBudgetError,
  );
  assertEquals(
    await latestCheckpoint(process.job.store.checkpoints),
    join(run.folder, "checkpoints", "step-000002"),
  );
  using reader = new RecordReader(run.folder);
  assertEquals(reader.episodes({ from: 3 }).total, 12);
});

Deno.test("WebGpuBackbone.run() ends where the engine serves other weights", async () => {
  await using run = await bigramRun(["train.steps=3"]);
  using process = await run.open();
  process.policy.sync = (version) => {
    process.policy.served = version; // claims to serve them, and does not
    return Promise.resolve();
  };
  await assertRejects(
    () => train(process),
    UserError,
    "does not serve the trained weights",
  );
});

Deno.test("WebGpuBackbone draws further tasks for groups without spread under dapo", async () => {
  for (const staleness of [0, 2]) {
    await using run = await bigramRun([
      "train.steps=6",
      "train.algorithm.name=dapo",
      `rollout.max_staleness=${staleness}`,
    ]);
    using process = await run.open();
    await train(process);
    const steps = await process.job.store.steps();
    assertTrue(steps.some(({ groups }) => groups as number > 3));
    assertTrue(
      steps.every(({ groups, zeroSpreadGroups }) =>
        (groups as number) - (zeroSpreadGroups as number) <= 3
      ),
    );
  }
});

Deno.test("WebGpuBackbone.run() refuses to resume under another seed", async () => {
  await using run = await bigramRun(["train.steps=1"]);
  {
    using process = await run.open();
    await train(process);
  }
  using process = await run.open();
  const job = { ...process.job, config: { ...run.config, seed: 77 } };
  await assertRejects(
    () => train({ ...process, job }),
    UserError,
    "begun with seed 1",
  );
});

/** What a job was asked for, and what became of it, in order. */
interface Log {
  readonly lines: string[];
  readonly job: Job;
}

/** The process's job, each batch open until all that need not wait for it has happened. */
function logged({ job }: BigramProcess): Log {
  const lines: string[] = [];
  const rollout: Job["rollout"] = async (tasks, options) => {
    lines.push(`begin ${options.step}`);
    const groups = await job.rollout(tasks, options);
    await new Promise((resolve) => setTimeout(resolve, 0));
    lines.push(`end ${options.step}`);
    return groups;
  };
  const show = (event: RunEvent) => {
    if (event.event === "step") lines.push(`trained ${event.step}`);
    job.view.show(event);
  };
  const view = { ...job.view, show };
  return { lines, job: { ...job, rollout, view } };
}

Deno.test("WebGpuBackbone rolls out ahead of the update, by as many versions as are allowed", async () => {
  for (const staleness of [0, 1, 2]) {
    await using run = await bigramRun([
      "train.steps=6",
      `rollout.max_staleness=${staleness}`,
    ]);
    using process = await run.open();
    const { lines, job } = logged(process);
    await train({ ...process, job });

    let trained = 0;
    let ended = 0;
    for (const line of lines) {
      const [what, of] = line.split(" ");
      const step = Number(of);
      if (what === "trained") trained = step;
      if (what === "end") ended = step;
      if (what !== "begin") continue;
      assertEquals(step, ended + 1); // one batch at a time
      assertTrue(step - 1 - trained <= staleness);
    }
    const early = lines.indexOf("begin 2") < lines.indexOf("trained 1");
    assertEquals(early, staleness > 0);
    assertEquals(lines.length, 18); // each batch once, none beyond the last

    const steps = await process.job.store.steps();
    const most = Math.max(...steps.map(({ stalenessMax }) => +stalenessMax!));
    assertEquals(most > 0, staleness > 0);
    assertTrue(most <= staleness);
    assertEquals(steps.at(-1)!.tooStaleTokens, 0);
    if (staleness === 0) continue;
    assertTrue(steps.some(({ logprobGapMax }) => +logprobGapMax! > 0.01));
  }
});

Deno.test("WebGpuBackbone learns from episodes that are versions old", async () => {
  await using run = await bigramRun([
    "train.steps=60",
    "rollout.max_staleness=2",
  ]);
  using process = await run.open();
  await train(process);
  const steps = await process.job.store.steps();
  assertTrue(steps.slice(0, 5).every(({ success }) => success < 0.4));
  assertTrue(steps.slice(-5).every(({ success }) => success > 0.7));
  assertTrue(steps.every(({ maskedFraction }) => !maskedFraction));
});

Deno.test("WebGpuBackbone counts what a sequence mask drops", async () => {
  await using run = await bigramRun([
    "train.steps=10",
    "rollout.max_staleness=2",
    "train.algorithm.sequence_mask=geometric_mean",
    "train.algorithm.sequence_mask_low=0.95",
    "train.algorithm.sequence_mask_high=1.05",
  ]);
  using process = await run.open();
  await train(process);
  const steps = await process.job.store.steps();
  assertEquals(steps[0]!.maskedFraction ?? 0, 0); // nothing is old yet
  assertTrue(steps.some(({ maskedFraction }) => +(maskedFraction ?? 0) > 0));
});

Deno.test("WebGpuBackbone resumes with the tasks that no update had seen, whatever was rolled out ahead", async () => {
  await using plain = await bigramRun(["train.steps=6"]);
  using whole = await plain.open();
  await using run = await bigramRun([
    "train.steps=6",
    "rollout.max_staleness=2",
  ]);
  const drawing = ({ job }: BigramProcess, drawn: string[][]): Job => ({
    ...job,
    rollout(tasks, options) {
      drawn[options.step - 1] = tasks.map(({ id }) => id);
      return job.rollout(tasks, options);
    },
  });
  const expected: string[][] = [];
  await train({ ...whole, job: drawing(whole, expected) });

  const stop = new AbortController();
  let aborted = 0;
  {
    using process = await run.open({ stop: stop.signal });
    const rollout: Job["rollout"] = async (tasks, options) => {
      if (options.step < 4) return await process.job.rollout(tasks, options);
      const { promise, reject } = Promise.withResolvers<never>();
      options.signal!.addEventListener("abort", () => {
        aborted++;
        reject(options.signal!.reason);
      });
      return await promise;
    };
    const view = {
      ...process.job.view,
      show(event: RunEvent) {
        if (event.event === "step" && event.step === 2) stop.abort();
      },
    };
    const job = { ...process.job, rollout, view };
    assertEquals(await train({ ...process, job }), {
      steps: 2,
      finished: false,
    });
  }
  assertEquals(aborted, 1);

  using process = await run.open();
  const drawn: string[][] = expected.slice(0, 2);
  assertEquals(await train({ ...process, job: drawing(process, drawn) }), {
    steps: 6,
    finished: true,
  });
  assertEquals(drawn, expected);
});

Deno.test("WebGpuBackbone.run() trains on what ended before a batch ahead of it failed", async () => {
  await using run = await bigramRun([
    "train.steps=10",
    "rollout.max_staleness=2",
  ]);
  using process = await run.open();
  const rollout: Job["rollout"] = async (tasks, options) => {
    const groups = await process.job.rollout(tasks, options);
    if (options.step < 3) return groups;
    throw new FailureBudgetError(groups, { budget: 0, total: 12 });
  };
  await assertRejects(
    () => train({ ...process, job: { ...process.job, rollout } }),
    FailureBudgetError,
  );
  const steps = await process.job.store.steps();
  assertEquals(steps.map(({ step }) => step), [1, 2]);
  assertEquals(
    await latestCheckpoint(process.job.store.checkpoints),
    join(run.folder, "checkpoints", "step-000002"),
  );
});

Deno.test("WebGpuBackbone leaves out of training what is older than allowed, and counts it", async () => {
  await using run = await bigramRun(["train.steps=3"]);
  using process = await run.open();
  const { engine } = process;
  const generate = engine.generate.bind(engine);
  let calls = 0;
  engine.generate = async (request) => {
    const generation = await generate(request);
    const stuck = calls++ % 2 === 0; // a server that was never told of the update
    return stuck ? { ...generation, policyVersion: 0 } : generation;
  };
  await using records = await openRecords(run.folder);
  await train({ ...process, job: { ...process.job, records } });
  const steps = await process.job.store.steps();
  assertEquals(
    steps.map(({ tooStaleTokens }) => tooStaleTokens),
    [0, 6, 6],
  );
  assertTrue(
    steps.slice(1).every(({ tokensTrained }) => tokensTrained as number <= 6),
  );
  using reader = new RecordReader(run.folder);
  const [first] = reader.episodes({
    ...{ from: 2, to: 2, having: ["untrainable"], limit: 1 },
  }).rows;
  assertMatch(
    reader.episode(Number(first!.id))!.calls[0]!.untrainable!,
    /1 policy versions ago/,
  );
});
