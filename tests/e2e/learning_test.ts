import { join } from "node:path";
import { assertEquals, assertTrue } from "../assert.ts";
import { runProgram } from "./_program.ts";

Deno.test("train makes the quickstart's agent better, and tells so in JSON", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, events, stderr } = await runProgram([
      "train",
      ...["--seed", "1", "--steps", "20", "--run-dir", "run"],
      ...["--set", "eval.tasks=64", "--set", "train.decay=none"],
    ], { cwd: folder });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });

    assertEquals(
      events.flatMap((event) => event.event === "step" ? [event.step] : []),
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
    const done = events.at(-1)!;
    assertTrue(done.event === "done");
    const { before, after } = done.eval;
    assertTrue(before!.sampled! < 0.35 && before!.greedy! < 0.6);
    assertTrue(after!.sampled! > before!.sampled! + 0.3);
    assertTrue(after!.greedy! > before!.greedy! + 0.3);
    assertEquals(done.steps, 20);
    await Deno.stat(join(done.run, "checkpoints", "latest"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
