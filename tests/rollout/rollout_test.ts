import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertTrue,
} from "../assert.ts";
import { EpisodeError } from "../../src/errors.ts";
import {
  type Episode,
  FailureBudgetError,
  rollout,
  type RolloutProgress,
} from "../../src/rollout/mod.ts";
import type { EpisodeJob, EpisodeResult } from "../../src/runner/mod.ts";
import { DEFAULTS, finish, makeTasks, scripted, TestHost } from "./_helpers.ts";

function fail(message: string, kind: "failed" | "displaced" = "failed") {
  const error = new EpisodeError("workflow", message);
  return { kind, error, log: "before" } as const;
}

/** Waits until the job is cancelled, as a workflow that hangs does. */
function hang({ signal }: EpisodeJob): Promise<EpisodeResult> {
  return new Promise((resolve, reject) => {
    signal!.addEventListener("abort", () => {
      const { reason } = signal!;
      if (!(reason instanceof EpisodeError)) reject(reason);
      else resolve({ kind: "failed", error: reason, log: "hung" });
    });
  });
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Seeds of the sessions, by the task and place that their key was used for. */
async function seedsOf(
  script: (job: EpisodeJob) => Promise<EpisodeResult>,
  concurrency: number,
): Promise<Record<string, number[]>> {
  await using host = new TestHost();
  const seeds: Record<string, number[]> = {};
  const runner = scripted((job) => {
    const session = host.sessions.find(({ apiKey }) =>
      apiKey === job.endpoint.apiKey
    )!;
    (seeds[job.task.id] ??= []).push(session.options.seed);
    return script(job);
  });
  const tasks = makeTasks(4);
  await rollout(tasks, {
    ...DEFAULTS,
    host,
    runner,
    groupSize: 2,
    concurrency,
  });
  return seeds;
}

Deno.test("rollout() returns groups in order, whatever order episodes end in", async () => {
  await using host = new TestHost();
  let started = 0;
  const runner = scripted(async ({ task }) => {
    await sleep(12 - 2 * started++);
    return finish(Number(task.id));
  });
  const ended: string[] = [];
  const groups = await rollout(makeTasks(3), {
    ...DEFAULTS,
    host,
    runner,
    groupSize: 2,
    onEpisode: ({ id }) => ended.push(id),
  });
  assertEquals(groups.map(({ key }) => key), [
    "step-3/0",
    "step-3/1",
    "step-3/2",
  ]);
  groups.forEach(({ key, task, episodes }, at) => {
    assertEquals(task.id, String(at));
    assertEquals(episodes.map(({ index }) => index), [0, 1]);
    for (const episode of episodes) {
      assertEquals(episode.id, `${key}/${episode.index}`);
      assertEquals(episode.group, key);
      assertEquals(episode.reward, at);
      assertEquals(episode.attempts, 1);
    }
  });
  const inOrder = groups.flatMap(({ episodes }) =>
    episodes.map(({ id }) => id)
  );
  assertEquals(ended.toSorted(), inOrder);
  assertTrue(ended.join() !== inOrder.join());
  assertTrue(host.sessions.every(({ ended }) => ended));
});

Deno.test("rollout() keeps to its concurrency, and starts episodes in order", async () => {
  await using host = new TestHost();
  let running = 0;
  let most = 0;
  const order: string[] = [];
  const runner = scripted(async ({ task }) => {
    order.push(task.id);
    most = Math.max(most, ++running);
    await sleep(1);
    running--;
    return finish(1);
  });
  const tasks = makeTasks(10);
  await rollout(tasks, { ...DEFAULTS, host, runner, concurrency: 3 });
  assertEquals(most, 3);
  assertEquals(order, tasks.map(({ id }) => id));
});

Deno.test("rollout() derives each seed from its place, not from timing", async () => {
  const alone = await seedsOf(() => Promise.resolve(finish(1)), 1);
  const together = await seedsOf(async ({ task }) => {
    await sleep(4 - Number(task.id));
    return finish(1);
  }, 8);
  assertEquals(together, alone);
  assertEquals(new Set(Object.values(alone).flat()).size, 8);
});

Deno.test("rollout() retries with a new session and seed, but a displaced episode with its own", async () => {
  await using host = new TestHost();
  const displacements: number[] = [];
  const runner = scripted(({ endpoint, displaced = 0 }) => {
    displacements.push(displaced);
    const turn = host.sessions.findIndex(({ apiKey }) =>
      apiKey === endpoint.apiKey
    );
    if (turn === 0) return fail("by itself");
    if (turn < 3) return fail("by another", "displaced");
    return finish(1);
  });
  const [group] = await rollout(makeTasks(1), { ...DEFAULTS, host, runner });
  const [episode] = group!.episodes;
  assertEquals(episode!.attempts, 2);
  assertEquals(episode!.reward, 1);
  assertEquals(episode!.error, undefined);
  const seeds = host.sessions.map(({ options }) => options.seed);
  assertEquals(displacements, [0, 0, 1, 2]);
  assertEquals(new Set(seeds).size, 2);
  assertEquals(new Set(seeds.slice(1)).size, 1);
  assertTrue(episode!.tree === host.sessions[3]!.tree);
  assertTrue(host.sessions.every(({ ended }) => ended));
});

Deno.test("rollout() records a failed episode as data", async () => {
  await using host = new TestHost();
  const runner = scripted(({ task, endpoint }) => {
    host.sessions.find(({ apiKey }) => apiKey === endpoint.apiKey)!.record();
    return task.id === "1" ? fail("no luck") : finish(1);
  });
  const groups = await rollout(makeTasks(3), { ...DEFAULTS, host, runner });
  const { seconds, tree, ...failed } = groups[1]!.episodes[0]!;
  assertTrue(seconds >= 0);
  assertEquals(tree.calls.length, 1);
  assertEquals(failed, {
    id: "step-3/1/0",
    group: "step-3/1",
    index: 0,
    task: groups[1]!.task,
    reward: NaN,
    success: false,
    metadata: {},
    metrics: {},
    log: "before",
    error: { stage: "workflow", message: "no luck" },
    attempts: 2,
  });
});

Deno.test("rollout() ends once more than its budget failed, and keeps what is done", async () => {
  await using host = new TestHost();
  const runner = scripted((job) => {
    const number = Number(job.task.id);
    if (number < 4) return finish(1);
    return number < 8 ? fail(number === 5 ? "rare" : "common") : hang(job);
  });
  const seen: Episode[] = [];
  const error = await assertRejects(
    () =>
      rollout(makeTasks(10), {
        ...DEFAULTS,
        host,
        runner,
        failureBudget: 0.3,
        retries: 0,
        onEpisode: (episode) => seen.push(episode),
      }),
    FailureBudgetError,
    /^4 of 10 episodes failed, more than the share of 0\.3 that rollout\.failure_budget allows\. 3 failed alike, among them task "4" \(workflow\): common$/,
  );
  const kept = error.groups.flatMap(({ episodes }) => episodes);
  assertEquals(kept.length, 8);
  assertEquals(new Set(kept), new Set(seen));
  assertTrue(host.sessions.every(({ ended }) => ended));
});

Deno.test("rollout() with a budget of 1 lets everything fail", async () => {
  await using host = new TestHost();
  const runner = scripted(() => fail("always"));
  const groups = await rollout(makeTasks(3), {
    ...DEFAULTS,
    host,
    runner,
    failureBudget: 1,
  });
  assertEquals(groups.length, 3);
});

Deno.test("rollout() cancels an episode at its deadline", async () => {
  await using host = new TestHost();
  const [group] = await rollout(makeTasks(1), {
    ...DEFAULTS,
    host,
    runner: scripted(hang),
    deadlineSeconds: 0.02,
    retries: 1,
    failureBudget: 1,
  });
  const [{ error, attempts, log }] = group!.episodes as [Episode];
  assertEquals(error!.stage, "deadline");
  assertMatch(error!.message, "longer than 0.02 s (rollout.deadline)");
  assertEquals([attempts, log], [2, "hung"]);
  for (const { abortedFor } of host.sessions) {
    assertMatch(abortedFor!, "longer than 0.02 s");
  }
});

Deno.test("rollout() cancels an episode that stands still, unless a call is in progress", async () => {
  await using host = new TestHost();
  const idle = 0.04;
  const busy: boolean[] = [];
  const runner = scripted(async (job) => {
    const session = host.sessions[0]!;
    // A long call, then some output, then nothing more.
    session.inFlight = 1;
    await sleep(3000 * idle);
    busy.push(!job.signal!.aborted);
    session.inFlight = 0;
    job.onProgress!();
    return await hang(job);
  });
  const [group] = await rollout(makeTasks(1), {
    ...DEFAULTS,
    host,
    runner,
    idleSeconds: idle,
    retries: 0,
    failureBudget: 1,
  });
  assertEquals(busy, [true]);
  const { error } = group!.episodes[0]!;
  assertEquals(error!.stage, "idle");
  assertMatch(error!.message, "for 0.04 s (rollout.idle)");
});

Deno.test("rollout() stops at its signal, in a pause between attempts too", async () => {
  for (const script of [hang, () => fail("again")]) {
    await using host = new TestHost();
    const stop = new AbortController();
    const reason = new DOMException("Ctrl-C", "AbortError");
    const runner = scripted((job) => {
      if (host.sessions.length === 4) {
        queueMicrotask(() => setTimeout(() => stop.abort(reason)));
      }
      return script(job);
    });
    const rejection = await rollout(makeTasks(6), {
      ...DEFAULTS,
      host,
      runner,
      concurrency: 4,
      backoffSeconds: 1000,
      signal: stop.signal,
    }).catch((error) => error);
    assertTrue(rejection === reason);
    assertEquals(host.sessions.length, 4);
    assertTrue(host.sessions.every(({ ended }) => ended));
  }
});

Deno.test("rollout() ends, with all that runs, when its host does", async () => {
  await using host = new TestHost();
  const open = host.openEpisode.bind(host);
  host.openEpisode = (options) => {
    if (host.sessions.length === 2) throw new RangeError("the host is gone");
    return open(options);
  };
  const runner = scripted(hang);
  await assertRejects(
    () => rollout(makeTasks(5), { ...DEFAULTS, host, runner }),
    RangeError,
    "the host is gone",
  );
  assertTrue(host.sessions.every(({ ended }) => ended));
});

Deno.test("rollout() rolls out what refill asks for, behind the rest", async () => {
  await using host = new TestHost();
  const runner = scripted(({ task }) => finish(Number(task.id) % 2));
  const spare = makeTasks(9).slice(5);
  const asked: number[] = [];
  const groups = await rollout(makeTasks(4), {
    ...DEFAULTS,
    host,
    runner,
    name: "train-3",
    groupSize: 2,
    refill(groups) {
      asked.push(groups.length);
      const missing = 3 -
        groups.filter(({ episodes }) => episodes[0]!.reward > 0).length;
      return spare.splice(0, missing);
    },
  });
  assertEquals(asked, [4, 5]);
  assertEquals(groups.map(({ key, task }) => [key, task.id]), [
    ["train-3/0", "0"],
    ["train-3/1", "1"],
    ["train-3/2", "2"],
    ["train-3/3", "3"],
    ["train-3/4", "5"],
  ]);
});

Deno.test("rollout() tells how far it has come, and hands sampling on", async () => {
  await using host = new TestHost();
  const runner = scripted(({ task, endpoint }) => {
    host.sessions.find(({ apiKey }) => apiKey === endpoint.apiKey)!.record();
    return task.id === "0" ? fail("unlucky") : finish(1);
  });
  const reports: RolloutProgress[] = [];
  await rollout(makeTasks(2), {
    ...DEFAULTS,
    host,
    runner,
    concurrency: 1,
    retries: 0,
    sampling: { topK: 5 },
    force: { temperature: 0 },
    onProgress: (progress) => reports.push(progress),
  });
  const total = 2;
  assertEquals(reports, [
    { total, done: 0, failed: 0, running: 1, tokens: 0 },
    { total, done: 1, failed: 1, running: 0, tokens: 2 },
    { total, done: 1, failed: 1, running: 1, tokens: 2 },
    { total, done: 2, failed: 1, running: 0, tokens: 4 },
  ]);
  const { seed, ...options } = host.sessions[0]!.options;
  assertEquals(seed, seed >>> 0);
  assertEquals(options, { sampling: { topK: 5 }, force: { temperature: 0 } });
});

Deno.test("rollout() of no tasks has no groups", async () => {
  await using host = new TestHost();
  const runner = scripted(() => finish(1));
  assertEquals(await rollout([], { ...DEFAULTS, host, runner }), []);
});
