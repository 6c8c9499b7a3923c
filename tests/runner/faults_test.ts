import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { EpisodeError } from "../../src/errors.ts";
import type { EpisodeResult, Runner } from "../../src/runner/mod.ts";
import {
  failure,
  finished,
  isAlive,
  openRunner,
  play,
  task,
  untilDead,
} from "./_helpers.ts";

/** Ids of the processes that serve one episode after another. */
async function pidOf(runner: Runner): Promise<number> {
  const { metadata } = finished(await play(runner, task("pid")));
  return metadata.pid as number;
}

/** Starts an episode and waits until it has printed the id of its process. */
function startEpisode(
  runner: Runner,
  options: { milliseconds: number; displaced?: number; signal?: AbortSignal },
): { result: Promise<EpisodeResult>; started: Promise<void> } {
  const { milliseconds, ...job } = options;
  const { promise: started, resolve } = Promise.withResolvers<void>();
  const result = play(runner, task("pidThenWait", { milliseconds }), {
    ...job,
    onProgress: resolve,
  });
  return { result, started };
}

Deno.test("Runner keeps an error nobody awaits within its episode", async () => {
  await using runner = await openRunner();
  const pid = await pidOf(runner);
  const neighbour = play(
    runner,
    task("pidThenWait", { milliseconds: 100 }),
  );
  assertMatch(
    failure(await play(runner, task("stray"))),
    /^Error: nobody awaits me\n.*misbehaving\.ts/,
  );
  const served = await neighbour;
  finished(served);
  assertEquals(served.log, `${pid}\n`);
});

Deno.test("Runner tells the last words of a process that an unknown episode ended", async () => {
  await using runner = await openRunner();
  const results = await Promise.all(
    ["timer", "hang"].map((query) => play(runner, task(query))),
  );
  for (const result of results) assertEquals(result.kind, "displaced");
  assertMatch(
    failure(await play(runner, task("timer")), "process"),
    /^The process of the workflow ended with exit code 1: Error: thrown by a timer\n[^]*misbehaving\.ts/,
  );
});

Deno.test("Runner turns an exit into its episode's failure, even if that is caught", async () => {
  await using runner = await openRunner();
  const pid = await pidOf(runner);
  assertMatch(
    failure(await play(runner, task("exit"))),
    /^Deno\.exit\(3\) was called: .*\n {4}at .*misbehaving\.ts/,
  );
  assertMatch(
    failure(await play(runner, task("processExit"))),
    "process.exit(4) was called",
  );
  assertEquals(await pidOf(runner), pid);
});

Deno.test("Runner kills a hot loop, and replaces its process", async () => {
  await using runner = await openRunner({ heartbeatSeconds: 1.5 });
  const pid = await pidOf(runner);
  assertMatch(
    failure(await play(runner, task("loop")), "process"),
    "did not answer for 1.5 s",
  );
  assertTrue(!await isAlive(pid));
  assertTrue(await pidOf(runner) !== pid);
});

Deno.test("Runner ends a process that runs out of memory, on its heap or beside it", async () => {
  await using runner = await openRunner({ memoryMiB: 64, heartbeatSeconds: 4 });
  for (const query of ["leak", "buffers"]) {
    assertMatch(
      failure(await play(runner, task(query)), "process"),
      "The process of the workflow ran out of memory",
    );
  }
  finished(await play(runner, task("behave")));
});

Deno.test("Runner displaces the neighbours of an episode that kills its process", async () => {
  await using runner = await openRunner();
  const neighbours = Array.from(
    { length: 3 },
    () => startEpisode(runner, { milliseconds: 60_000 }),
  );
  await Promise.all(neighbours.map(({ started }) => started));
  const culprit = await play(runner, task("die"));
  assertEquals(culprit.kind, "displaced");
  for (const { result } of neighbours) {
    const displaced = await result;
    assertTrue(displaced.kind === "displaced");
    assertEquals(displaced.error.stage, "process");
    assertMatch(displaced.error.message, "was killed by SIGKILL");
    assertMatch(displaced.log, /^\d+\n$/);
  }
  // Suspects run alone at last, and then it is known whose fault it was.
  const [guilty, innocent] = await Promise.all([
    play(runner, task("die"), { displaced: 2 }),
    play(runner, task("pidThenWait", { milliseconds: 50 }), { displaced: 2 }),
  ]);
  failure(guilty!, "process");
  finished(innocent!);
});

Deno.test("Runner gives each suspect a process of its own, one after another", async () => {
  await using runner = await openRunner();
  const results = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        play(runner, task("pidThenWait", { milliseconds: 5 }), {
          displaced: 2,
        }),
    ),
  );
  results.forEach(finished);
  const regular = await pidOf(runner);
  for (const { log } of results) {
    assertTrue(Number(log) !== regular);
  }
});

Deno.test("Runner survives kill -9 of a process in mid-episode", async () => {
  await using runner = await openRunner();
  const pid = await pidOf(runner);
  const { result, started } = startEpisode(runner, {
    milliseconds: 60_000,
  });
  await started;
  Deno.kill(pid, "SIGKILL");
  assertMatch(failure(await result, "process"), "was killed by SIGKILL");
  assertTrue(await pidOf(runner) !== pid);
});

Deno.test("Runner's processes leave Ctrl-C to the program", async () => {
  await using runner = await openRunner();
  const pid = await pidOf(runner);
  const { result, started } = startEpisode(runner, { milliseconds: 100 });
  await started;
  Deno.kill(pid, "SIGINT");
  finished(await result);
  assertEquals(await pidOf(runner), pid);
});

Deno.test("Runner cancels an episode, which hears why and may end in order", async () => {
  await using runner = await openRunner();
  const pid = await pidOf(runner);
  const controller = new AbortController();
  const { signal } = controller;
  const obeying = play(runner, task("obey"), { signal });
  controller.abort(new EpisodeError("deadline", "It took too long"));
  assertEquals(failure(await obeying, "deadline"), "It took too long");
  const already = await play(runner, task("behave"), { signal });
  assertEquals(failure(already, "deadline"), "It took too long");
  assertEquals(await pidOf(runner), pid);
});

Deno.test("Runner retires a process whose episode ignores its cancellation", async () => {
  await using runner = await openRunner({ graceSeconds: 0.1 });
  const pid = await pidOf(runner);
  const controller = new AbortController();
  const { signal } = controller;
  const neighbour = startEpisode(runner, { milliseconds: 600 });
  const hanging = play(runner, task("hang"), { signal });
  await neighbour.started;
  controller.abort(new EpisodeError("deadline", "It took too long"));
  failure(await hanging, "deadline");
  // The neighbour is spared; the next episodes go elsewhere once the grace is over.
  finished(await neighbour.result);
  assertEquals((await neighbour.result).log, `${pid}\n`);
  assertTrue(await pidOf(runner) !== pid);
  // Nobody needs the process any more, though the hanging episode never returned.
  await untilDead(pid);
});

Deno.test("Runner rejects with the reason where the run itself is cancelled", async () => {
  await using runner = await openRunner();
  const stop = new AbortController();
  const { signal } = stop;
  // Of the suspects, one runs and one waits for its place.
  const jobs = [0, 2, 2].map((displaced) =>
    play(runner, task("hang"), { signal, displaced }).catch((reason) => reason)
  );
  await pidOf(runner);
  const reason = new DOMException("Ctrl-C", "AbortError");
  stop.abort(reason);
  for (const job of jobs) assertEquals(await job, reason);
});

Deno.test("Runner leaves no process behind, whatever its episodes do", async () => {
  const pids: number[] = [];
  {
    await using runner = await openRunner({ processes: 2 });
    const episodes = await Promise.all(
      [0, 0, 1, 2].map((displaced) =>
        startEpisode(runner, { milliseconds: 60_000, displaced })
      ),
    );
    await Promise.all(episodes.map(({ started }) => started));
    void play(runner, task("loop"));
    for (const { result } of episodes) {
      void result.then(({ log }) => pids.push(Number(log)));
    }
  }
  assertEquals(new Set(pids).size, 4);
  for (const pid of pids) assertTrue(!await isAlive(pid));
});
