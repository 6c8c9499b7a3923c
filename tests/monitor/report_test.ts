import { RecordReader } from "../../src/monitor/records/mod.ts";
import {
  compareReport,
  compareRuns,
  episodeReport,
  runReport,
  worstEpisodes,
} from "../../src/monitor/report/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { generateRun } from "./_generated_run.ts";

/** What a terminal would obey, or show in another order. */
const HOSTILE = "\r\nstep 99\t\x9b31m\x1b]0;owned\x07\x1b[2J\u202e";

async function withRuns(test: (a: RecordReader, b: RecordReader) => void) {
  const folder = await Deno.makeTempDir();
  try {
    await generateRun(`${folder}/a`, {
      steps: 12,
      hostile: HOSTILE,
      adapters: true,
    });
    await generateRun(`${folder}/b`, { steps: 9, seed: 2 });
    using a = new RecordReader(`${folder}/a`);
    using b = new RecordReader(`${folder}/b`);
    test(a, b);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runReport() tells a step, its worst episodes and the run's health", () =>
  withRuns((run) => {
    const whole = runReport(run);
    assertMatch(whole, "step 12");
    assertMatch(whole, "Worst of 32 episodes");
    assertMatch(whole, "Health");
    const step = runReport(run, { step: 3, worst: 2 });
    assertMatch(step, "step 3");
    assertTrue(!step.includes("Health"));
    const listed = step.split("episodes\n").at(-1)!.split("\n");
    assertEquals(listed.length, 2);
  }));

Deno.test("episodeReport() shows every call's tokens, the sampled ones apart", () =>
  withRuns((_, run) => {
    const text = episodeReport(run, run.episode(1)!);
    assertMatch(text, "call 0 by planner");
    assertMatch(text, "‹The·plan·is:·subtract.⏎\n<|im_end|>›");
    assertMatch(text, "branch: other-agent after 1 tokens");
    assertMatch(
      episodeReport(run, run.episode(1)!, { color: true }),
      "\x1b[48;5;",
    );
  }));

Deno.test("episodeReport() puts characters of several tokens together, and shows the bytes of those in colour", () =>
  withRuns((run) => {
    assertMatch(episodeReport(run, run.episode(3)!), "[2J⟨U+202E⟩<|im_end|>›");
    const coloured = episodeReport(run, run.episode(3)!, { color: true })
      // deno-lint-ignore no-control-regex -- colours are control characters
      .replaceAll(/\x1b\[[\d;]*m/g, "");
    assertMatch(coloured, "⟨e2⟩⟨80⟩⟨ae⟩");
    assertTrue(!coloured.includes("\ufffd"));
  }));

Deno.test("reports hand a terminal nothing that a model wrote for it to obey", () =>
  withRuns((run, other) => {
    const names = [HOSTILE, "b".repeat(300)] as const;
    const texts = [
      runReport(run),
      episodeReport(run, run.episode(3)!),
      compareReport(compareRuns(run, other), { names }),
    ];
    for (const text of texts) {
      assertTrue(
        !/(?!\n)\p{Cc}|\p{Cf}/u.test(text),
        JSON.stringify(text),
      );
      assertMatch(text, "⟨U+001B⟩");
    }
    // A name stands on one line, and is not as wide as its author likes.
    for (const text of [texts[0]!, texts[2]!]) {
      assertTrue(!/^step 99/m.test(text), text);
    }
    assertTrue(texts[2]!.split("\n").every((line) => line.length < 250));
  }));

Deno.test("runReport() tells held-out success, whole counts, and what agents and the workflow measured", () =>
  withRuns((_, run) => {
    const text = runReport(run, { step: 9 });
    assertMatch(text, /held-out sampled at step 0 +0\.12/);
    assertMatch(text, /workflow\.calculator +0\.\d/);
    const seen = run.series({ from: 9 }).metrics.tokensSeen![0]!;
    assertMatch(text, seen.toLocaleString("en-US"));
  }));

Deno.test("runReport() says of a run without a step that there is none, and why its episodes failed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await generateRun(folder, { steps: 0 });
    using empty = new RecordReader(folder);
    assertMatch(runReport(empty), /step 0\n +No step is done yet/);
    assertTrue(!runReport(empty).includes("Worst"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("worstEpisodes() begins with those that failed", () =>
  withRuns((_, run) => {
    const failed = run.episodes({ outcome: "failed", kind: "train" }).rows;
    assertTrue(failed.length > 0);
    const { rows, total } = worstEpisodes(run, Number(failed[0]!.step), 5);
    assertEquals(total, 32);
    assertTrue(rows[0]!.stage !== null);
    const rewards = rows.filter(({ stage }) => stage === null)
      .map(({ reward }) => Number(reward));
    assertEquals(rewards, rewards.toSorted((a, b) => a - b));
  }));

Deno.test("compareRuns() puts both runs beside one another, with the difference", () =>
  withRuns((a, b) => {
    const rows = compareRuns(a, b);
    const steps = rows.find(({ metric }) => metric === "steps");
    assertEquals(steps, {
      metric: "steps",
      first: 12,
      second: 9,
      difference: -3,
    });
    const text = compareReport(rows, { names: ["a", "b"] });
    assertMatch(text.split("\n")[0]!, /^metric +a +b +difference$/);
    assertMatch(text, /steps +12 +9 +-3/);
  }));
