import { JsonView, LineView, TerminalView } from "../../src/monitor/mod.ts";
import type { Evaluation, RunEvent, View } from "../../src/monitor/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";

const before: Evaluation = {
  step: 0,
  sampled: 0.25,
  greedy: 0.5,
  tasks: 4,
  sampledEpisodes: 8,
  greedyEpisodes: 4,
  failures: 1,
  seconds: 2,
};
const after: Evaluation = { ...before, step: 2, sampled: 1, greedy: 1 };

/** A run of two steps, with the second at which each event happens. */
const run: readonly (readonly [number, RunEvent])[] = [
  [0, { event: "start", run: "runs/a", model: "tiny", steps: 2, from: 0 }],
  [0, progress(0)],
  [10, progress(4)],
  [11, { event: "evaluation", ...before }],
  [14, step(1)],
  [17, step(2)],
  [18, { event: "evaluation", ...after }],
  [18, { event: "note", text: "Something worth knowing" }],
  [18, {
    event: "done",
    steps: 2,
    seconds: 18,
    eval: { before, after },
    run: "runs/a",
  }],
];

function progress(done: number): RunEvent {
  return {
    event: "progress",
    stage: "evaluate",
    done,
    total: 8,
    unit: "tasks",
  };
}

function step(step: number): RunEvent {
  return {
    event: "step",
    step,
    reward: step / 2,
    success: step / 2,
    seconds: { rollout: 1, update: 1.5, total: 3 },
  };
}

function play(
  open: (write: (text: string) => void, now: () => number) => View,
): string {
  let text = "";
  let time = 0;
  using view = open((part) => text += part, () => time * 1000);
  for (const [second, event] of run) {
    time = second;
    view.show(event);
  }
  return text;
}

Deno.test("JsonView writes one object for each note, evaluation and step and one at the end", () => {
  const lines = play((write) => new JsonView(write)).trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  assertEquals(lines.map(({ event }) => event), [
    "evaluation",
    "step",
    "step",
    "evaluation",
    "note",
    "done",
  ]);
  assertEquals(lines[2], step(2));
  assertEquals(lines[4].text, "Something worth knowing");
  assertEquals(lines[5].eval.before.sampled, 0.25);
  assertEquals(lines[5].eval.after.greedy, 1);
  assertEquals(lines[5].run, "runs/a");
});

Deno.test("LineView gives steps, counts, a pace and an end in plain lines", () => {
  const text = play((write, now) => new LineView({ write, now }));
  assertEquals(text.split("\n"), [
    "Training tiny in runs/a",
    "evaluate 4/8 tasks  2.5s per task  ETA 10s",
    "Held-out success before training: sampled 0.250 (2/8), greedy 0.500 (2/4), 1 episodes failed",
    "step 1/2  reward 0.500  success 0.500  3.0s/step  ETA 5.0s",
    "step 2/2  reward 1.000  success 1.000  3.0s/step  ETA 2.0s",
    "Held-out success after step 2: sampled 1.000 (8/8), greedy 1.000 (4/4), 1 episodes failed",
    "Something worth knowing",
    "Done: 2 steps in 18s",
    "Held-out success: sampled 0.250 → 1.000, greedy 0.500 → 1.000 (4 tasks)",
    "Run: runs/a",
    "",
  ]);
});

Deno.test("LineView expects a stage to take as long as the last time, until it takes longer", () => {
  let text = "", time = 0;
  using view = new LineView({
    write: (part) => text += part,
    now: () => time * 1000,
  });
  const rollout = (second: number, done: number, total = 16) => {
    time = second;
    const unit = "episodes";
    view.show({ event: "progress", stage: "rollout", done, total, unit });
  };
  rollout(0, 0);
  rollout(40, 1); // the first of those that run at once tells nothing of the rest
  rollout(50, 16);
  view.show(step(1));
  rollout(60, 0);
  rollout(100, 1);
  rollout(130, 8);
  view.show(step(2));
  rollout(130, 0, 4);
  rollout(140, 1, 4);
  assertEquals(
    [...text.matchAll(/^rollout.*ETA (.*)$/gm)].map(([, left]) => left),
    [
      "10m00s",
      "0.0s",
      "50s",
      "10s",
      "1m10s",
      "30s",
    ],
  );
});

Deno.test("TerminalView draws a block that fits the terminal", () => {
  for (const columns of [120, 40, 9]) {
    let text = "";
    {
      using view = new TerminalView({
        write: (part) => text += part,
        columns: () => columns,
        color: false,
        now: () => 5000,
      });
      for (const [, event] of run.slice(0, 3)) view.show(event);
      view.show(run[3]![1]);
      view.show(run[4]![1]);
    }
    const drawn = text.slice(text.lastIndexOf("\x1b[J") + 3).split("\n");
    assertTrue(drawn.every((line) => [...line].length < columns));
    assertMatch(drawn.join("\n"), "step 1/2");
  }
});

Deno.test("TerminalView writes no colour unless it may", () => {
  for (const color of [false, true]) {
    const text = play((write, now) =>
      new TerminalView({ write, now, color, columns: () => 80 })
    );
    assertEquals(text.includes("\x1b[1m"), color);
  }
});
