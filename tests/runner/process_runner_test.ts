import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertTrue,
} from "../assert.ts";
import { EpisodeError, UserError } from "../../src/errors.ts";
import {
  ProcessRunner,
  type ProcessRunnerOptions,
  Runner,
} from "../../src/runner/mod.ts";
import { traceback } from "../../src/runner/_traceback.ts";
import { failure, finished, play, task } from "./_helpers.ts";

/** A runner of a shell script. */
function shell(
  script: string,
  options: Partial<ProcessRunnerOptions> = {},
): ProcessRunner {
  return new ProcessRunner({ command: ["sh", "-c", script], ...options });
}

/** Whether a process lives on; one that is being killed has two seconds to go. */
async function lives(pid: number): Promise<boolean> {
  for (let look = 0; look < 200; look++) {
    try {
      const status = await Deno.readTextFile(`/proc/${pid}/stat`);
      if (/\) [ZX] /.test(status)) return false;
    } catch {
      return false;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

Deno.test("ProcessRunner hands over the task and the endpoint, and reads the last JSON line", async () => {
  await using runner = shell(
    `echo '{"reward": 7}'; echo "$OPENAI_BASE_URL $OPENAI_API_KEY $OPENAI_MODEL"
     read line; test "$line" = "$ASTUNER_TASK" && echo same; echo "$line" | cut -c1-15
     echo to stderr >&2; echo '{"reward": 0.5, "metrics": {"turns": 2}}'; echo bye`,
  );
  const result = await play(runner, task("hello"));
  assertEquals(finished(result), {
    reward: 0.5,
    success: true,
    metadata: {},
    metrics: { turns: 2 },
  });
  assertMatch(result.log, /^http:\/\/127.0.0.1:9\/v1 k policy$/m);
  assertMatch(result.log, /^same$/m);
  assertMatch(result.log, /^\{"id":"hello","$/m);
  assertMatch(result.log, /^to stderr$/m);
});

Deno.test("ProcessRunner refuses a last line that Python writes for a reward that is no number", async () => {
  for (
    const last of ['{"reward": NaN}', "NaN", '{"a": 1, "reward":-Infinity}']
  ) {
    await using runner = shell(`echo '{"reward": 0.25}'; echo '${last}'`);
    const words = failure(await play(runner, task("x")), "workflow");
    assertMatch(words, /returned (NaN|-Infinity) as reward/);
  }
});

Deno.test("ProcessRunner finds the reward after a flood of short lines", async () => {
  await using runner = shell(
    `echo 3; yes | head -c 2000000; printf '{"rew'; sleep 0.1; echo 'ard": 2}'; echo '[5]'`,
  );
  assertEquals(finished(await play(runner, task("x"))).reward, 2);
});

Deno.test("ProcessRunner does not wait for a daemon that holds the program's output open", async () => {
  await using runner = shell(
    `setsid sleep 300 & echo $!; echo '{"reward": 1}'`,
    {
      graceSeconds: 0.1,
    },
  );
  const result = await play(runner, task("x"));
  try {
    assertEquals(finished(result).reward, 1);
  } finally {
    Deno.kill(Number.parseInt(result.log), "SIGKILL");
  }
});

Deno.test("ProcessRunner passes on the variables that are allowed, and no others", async () => {
  Deno.env.set("ASTUNER_TEST_SECRET", "s3cret");
  try {
    const script = 'echo "is ${ASTUNER_TEST_SECRET:-unset}"; echo 1';
    await using closed = shell(script);
    assertMatch((await play(closed, task("x"))).log, "is unset");
    await using open = shell(script, { env: ["ASTUNER_TEST_SECRET"] });
    assertMatch((await play(open, task("x"))).log, "is s3cret");
    await using needy = shell('echo "ASTUNER_TEST_SECRET: unset" >&2; exit 3');
    assertMatch(
      failure(await play(needy, task("x")), "workflow"),
      'workflow.allow.env: ["ASTUNER_TEST_SECRET"]',
    );
  } finally {
    Deno.env.delete("ASTUNER_TEST_SECRET");
  }
});

Deno.test("ProcessRunner asks the judge where the program leaves the reward open", async () => {
  const judge = await Runner.open({
    judge: "exact-match",
    gateway: "127.0.0.1:9",
    processes: 1,
  });
  await using runner = shell(`echo '{"metadata": {"answer": "42"}}'`, {
    judge,
  });
  const right = await play(runner, task("x", { answer: 42 }));
  assertEquals(finished(right).reward, 1);
  const wrong = await play(runner, task("x", { answer: 43 }));
  assertEquals(finished(wrong).reward, 0);
});

Deno.test("ProcessRunner tells what a program that fails said, and what is missing", async () => {
  await using dies = shell("echo first >&2; echo 'Boom: no luck' >&2; exit 3");
  assertEquals(
    failure(await play(dies, task("x")), "workflow"),
    "sh ended with exit code 3: first\nBoom: no luck",
  );
  await using silent = shell("echo hello");
  assertMatch(
    failure(await play(silent, task("x")), "workflow"),
    'no reward, and there is no judge: write it as the last line of standard output, such as {"reward": 1}',
  );
  await using odd = shell(`echo '{"reward": "high"}'`);
  assertMatch(
    failure(await play(odd, task("x")), "workflow"),
    'returned "high" as reward',
  );
  await using absent = new ProcessRunner({ command: ["no-such-program"] });
  const error = await assertRejects(
    () => play(absent, task("x")),
    UserError,
  );
  assertMatch(error.message, "workflow.command");
});

Deno.test("ProcessRunner kills a cancelled program with everything that it started", async () => {
  const started = Promise.withResolvers<void>();
  const cancel = new AbortController();
  await using runner = shell(
    "trap '' TERM; sleep 1000 & echo $! $$; wait; wait; sleep 1000",
    { graceSeconds: 0.1 },
  );
  const running = play(runner, task("x"), {
    signal: cancel.signal,
    onProgress: () => started.resolve(),
  });
  await started.promise;
  cancel.abort(new EpisodeError("deadline", "too late"));
  const result = await running;
  assertEquals(failure(result, "deadline"), "too late");
  const pids = result.log.trim().split(" ").map(Number);
  assertEquals(pids.length, 2);
  for (const pid of pids) assertTrue(!await lives(pid), `${pid} lives`);
});

Deno.test("ProcessRunner ends what a program left behind, and rejects with the run's own reason", async () => {
  await using runner = shell("sleep 1000 & echo $!; echo 1");
  const result = await play(runner, task("x"));
  const pid = Number(result.log.split("\n")[0]);
  assertTrue(!await lives(pid), `${pid} lives`);
  const signal = AbortSignal.abort(new Error("the run ends"));
  await assertRejects(() => play(runner, task("x"), { signal }), Error);
});

Deno.test("ProcessRunner starts no more programs at once than it may", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using runner = shell(
      "mkdir busy || exit 1; sleep 0.05; rmdir busy; echo 1",
      { atOnce: 1, cwd: folder },
    );
    const results = await Promise.all(
      [1, 2, 3].map(() => play(runner, task("x"))),
    );
    assertEquals(results.map(({ kind }) => kind), [
      "finished",
      "finished",
      "finished",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("traceback() finds the error and the user's own line, in Python and in JavaScript", () => {
  const python = `noise
Traceback (most recent call last):
  File "/home/me/agent.py", line 12, in <module>
    main()
  File "/home/me/agent.py", line 7, in main
    client.ask()
    ^^^^^^^^^^^^
  File "/usr/lib/python3/site-packages/openai/x.py", line 99, in ask
    raise APIError("no")
openai.APIError: no`;
  assertEquals(
    traceback(python, "/home/me"),
    "openai.APIError: no\n    at /home/me/agent.py:7",
  );
  const script = `file:///home/me/agent.js:3
  throw new RangeError("no");
        ^

RangeError: no
    at main (file:///home/me/agent.js:3:9)
    at file:///home/me/agent.js:9:1
    at node:internal/x:1:2`;
  assertMatch(
    traceback(script, "/home/me"),
    /RangeError: no\n {4}at \/home\/me\/agent\.js:3$/,
  );
  assertEquals(traceback("just words\n", "/home/me"), "just words");
});
