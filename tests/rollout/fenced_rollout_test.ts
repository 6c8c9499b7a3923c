import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { type Episode, rollout } from "../../src/rollout/mod.ts";
import type { Task } from "../../src/reader/mod.ts";
import { Runner } from "../../src/runner/mod.ts";
import { DEFAULTS, makeTasks, TestHost } from "./_helpers.ts";

const WORKFLOW =
  new URL("../runner/agents/misbehaving.ts", import.meta.url).pathname;

/** Tasks that call the model, and among them one of each of `queries`. */
function mixed(count: number, queries: readonly string[]): Task[] {
  const tasks = makeTasks(count, "call");
  queries.forEach((query, at) => tasks[3 * at + 1] = { ...tasks[at]!, query });
  return tasks;
}

/** Fails unless exactly the episodes of `query` failed, and returns those. */
function failuresOf(query: string, episodes: readonly Episode[]): Episode[] {
  const failed = episodes.filter(({ error }) => error !== undefined);
  const culprits = episodes.filter(({ task }) => task.query === query);
  assertEquals(failed.map(({ id }) => id), culprits.map(({ id }) => id));
  return failed;
}

Deno.test("rollout() loses nothing to an episode that kills its process", async () => {
  await using host = new TestHost();
  await using runner = await Runner.open({
    workflow: WORKFLOW,
    gateway: host.address,
    processes: 1,
  });
  const groups = await rollout(mixed(10, ["die"]), {
    ...DEFAULTS,
    host,
    runner,
    groupSize: 2,
    retries: 0,
  });
  const episodes = groups.flatMap(({ episodes }) => episodes);
  assertEquals(episodes.length, 20);
  for (const { error } of failuresOf("die", episodes)) {
    assertEquals(error!.stage, "process");
    assertMatch(error!.message, "was killed by SIGKILL");
  }
  for (const { task, reward, attempts, tree } of episodes) {
    assertEquals(attempts, 1);
    if (task.query === "die") continue;
    assertEquals([reward, tree.calls.length], [5, 1]);
  }
  // Whoever shared the process ran again, under the same seed.
  assertTrue(host.sessions.length > 20);
  const seeds = new Set(host.sessions.map(({ options }) => options.seed));
  assertEquals(seeds.size, 20);
});

Deno.test("rollout() cancels what hangs or stands still, and finishes the rest", async () => {
  await using host = new TestHost();
  await using runner = await Runner.open({
    workflow: WORKFLOW,
    gateway: host.address,
    graceSeconds: 0.05,
  });
  const limits: [string, { deadlineSeconds?: number; idleSeconds?: number }][] =
    [
      ["deadline", { deadlineSeconds: 1 }],
      ["idle", { idleSeconds: 1 }],
    ];
  for (const [stage, limit] of limits) {
    const groups = await rollout(mixed(8, ["hang"]), {
      ...DEFAULTS,
      ...limit,
      host,
      runner,
      concurrency: 4,
      retries: 0,
    });
    const episodes = groups.flatMap(({ episodes }) => episodes);
    const [failed] = failuresOf("hang", episodes);
    assertEquals(failed!.error!.stage, stage);
  }
  const aborted = host.sessions.filter(({ abortedFor }) => abortedFor);
  assertEquals(aborted.length, 2);
});
