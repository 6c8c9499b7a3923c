import { join } from "node:path";
import { RecordReader } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { CHROMIUM } from "./_browser.ts";
import { chromium, type Page } from "./_playwright.ts";
import { Program, SMALL } from "./_program.ts";

const STEPS = 12;

/** A port that is free now; the program could print one, but speaks JSON in these tests. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test({
  name: "dashboard follows a quickstart run while it trains",
  ignore: CHROMIUM === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const port = freePort();
      await using program = new Program([
        "train",
        ...["--run-dir", "run", "--steps", `${STEPS}`, ...SMALL],
        ...["--set", `monitor.port=${port}`],
        ...["--set", "monitor.tensorboard=true"],
      ], { cwd: folder });
      await program.until(({ event }) => event === "evaluation");
      const browser = await chromium.launch({
        executablePath: CHROMIUM!,
        args: ["--no-sandbox", "--disable-gpu"],
      });
      try {
        const page = await browser.newPage();
        const complaints: string[] = [];
        page.on("pageerror", ({ message }) => complaints.push(message));
        await page.goto(`http://127.0.0.1:${port}/`);
        const first = await stepAfter(page, 0);
        const second = await stepAfter(page, first);
        assertTrue(first < second && second <= STEPS);
        assertEquals(complaints, []);
      } finally {
        await browser.close();
      }
      const { code, stderr } = await program.ended();
      assertEquals([code, stderr], [0, ""]);
      await checkRecords(join(folder, "run"));
      const [events] = await Array.fromAsync(
        Deno.readDir(join(folder, "run", "tensorboard")),
      );
      assertMatch(events!.name, /^events\.out\.tfevents\./);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The step that the page shows, as soon as it is a later one; the page itself is left alone. */
async function stepAfter(page: Page, step: number): Promise<number> {
  const tile = page.locator(".tile b").first();
  for (let looks = 0; looks < 600; looks++) {
    const shown = Number(await tile.textContent());
    if (shown > step) return shown;
    await page.waitForTimeout(50);
  }
  throw new Error(`The page shows no step after ${step}`);
}

/** The records say to the token what the run's own files say. */
async function checkRecords(run: string): Promise<void> {
  using reader = new RecordReader(run);
  const lines = await Deno.readTextFile(join(run, "metrics.jsonl"));
  const metrics = lines.trim().split("\n").map((line) => JSON.parse(line));
  const series = reader.series();
  assertEquals(series.steps, metrics.map(({ step }) => step));
  assertEquals(series.metrics.reward, metrics.map(({ reward }) => reward));
  assertEquals(series.evaluations.map(({ step }) => step), [0, STEPS]);
  assertMatch(reader.about().config, /batch_tasks: 4/);

  const { rows } = reader.episodes({
    ...{ from: 2, to: 2, kind: "train" },
    ...{ sort: "id", order: "asc", limit: 500 },
  });
  const rewards = rows.flatMap(({ reward }) => reward ?? []).map(Number);
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) /
    rewards.length;
  assertTrue(Math.abs(mean - metrics[1].reward) < 1e-6);
  const gaps: number[] = [];
  for (const { id } of rows) {
    const { calls, messages, query } = reader.episode(Number(id))!;
    assertEquals([messages[0]!.role, messages[0]!.content], ["user", query]);
    assertEquals(messages[calls[0]!.replyMessage!]!.role, "assistant");
    const texts = reader.tokens(calls[0]!.path);
    const prompt = calls[0]!.path.slice(0, calls[0]!.prompt)
      .map((token) => new TextDecoder().decode(texts.get(token)!.bytes));
    assertTrue(prompt.join("").includes(query));
    for (const { trainer, logprobs } of calls) {
      trainer?.forEach((value, at) =>
        gaps.push(Math.abs(value! - logprobs[at]!))
      );
    }
  }
  // Engine and trainer hold the same weights, so at every token they nearly agree.
  assertTrue(gaps.length > 0);
  assertTrue(Math.max(...gaps) < 0.05, `a gap of ${Math.max(...gaps)}`);
  const largest = Math.max(...gaps);
  assertTrue(Math.abs(largest - metrics[1].logprobGapMax) < 1e-4);
}
