import { RecordReader } from "../../src/monitor/records/mod.ts";
import {
  compareReport,
  compareRuns,
  episodeReport,
  runReport,
} from "../../src/monitor/report/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { generateRun } from "./_generated_run.ts";

/** What a terminal would obey, or show in another order. */
const HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e";

async function withRuns(test: (a: RecordReader, b: RecordReader) => void) {
  const folder = await Deno.makeTempDir();
  try {
    await generateRun(`${folder}/a`, { steps: 12, hostile: HOSTILE });
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
  withRuns((run) => {
    const texts = [runReport(run), episodeReport(run, run.episode(3)!)];
    for (const text of texts) {
      assertTrue(
        !/(?!\n)\p{Cc}|\p{Cf}/u.test(text),
        JSON.stringify(text),
      );
      assertMatch(text, "⟨U+001B⟩");
    }
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
