/**
 * How fast the dashboard is on a large run: 1,000 steps of 256 episodes of 500 tokens.
 *
 *   deno run -A tests/bench/dashboard.ts [STEPS]
 *
 * Writes such a run, opens it in Chromium, and prints how long a step takes to record, until the
 * overview can be used, until an episode stands, how a long table scrolls, and how much memory the
 * server took for all that.
 */
import { RecordWriter } from "../../src/monitor/records/mod.ts";
import { OpenPage } from "../e2e/_browser.ts";
import {
  generateGroups,
  generateRecord,
  tokenText,
} from "../monitor/_generated_run.ts";

const STEPS = Number(Deno.args[0] ?? 1000);
const SHAPE = { steps: STEPS, groups: 32, groupSize: 8, padding: 416 };

/** Scrolls a table to any place, and tells a row there; in a long one a pixel stands for several rows. */
const JUMP = `(() => {
  const scroller = document.querySelector(".scroller");
  const room = scroller.scrollHeight - scroller.clientHeight;
  scroller.scrollTop = Math.random() * room;
  const rows = Number(scroller.getAttribute("aria-rowcount")) - scroller.clientHeight / 36;
  return Math.floor(scroller.scrollTop / room * rows);
})()`;

const folder = await Deno.makeTempDir();
try {
  await writeRun(folder);
  await measurePages(folder);
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** The same episodes in every step: what is measured here does not depend on what they say. */
async function writeRun(folder: string): Promise<void> {
  const { groups, findScores } = generateGroups(1, SHAPE);
  const episodes = groups.flatMap(({ episodes }) => episodes);
  const tokens = episodes.reduce((sum, { tree }) => sum + tree.size, 0);
  await using writer = await RecordWriter.open(folder, {
    tokenText,
    about: { model: "large", config: "name: large\n" },
  });
  const began = performance.now();
  for (let step = 1; step <= STEPS; step++) {
    await writer.writeBatch({ step, kind: "train", groups, findScores });
    await writer.writeStep(generateRecord(step, groups, SHAPE));
  }
  const seconds = (performance.now() - began) / 1000;
  const { size } = await Deno.stat(`${folder}/records.sqlite`);
  print("episodes", `${STEPS * episodes.length}`);
  print("tokens of an episode", `${Math.round(tokens / episodes.length)}`);
  print("records", `${(size / 1e9).toFixed(2)} GB`);
  print("recording a step", `${(1000 * seconds / STEPS).toFixed(1)} ms`);
}

async function measurePages(folder: string): Promise<void> {
  const before = Deno.memoryUsage().rss;
  await using open = await OpenPage.open([folder]);
  const { page } = open;
  const times = async (name: string, work: () => Promise<void>) => {
    const taken: number[] = [];
    for (let round = 0; round < 5; round++) {
      const began = performance.now();
      await work();
      taken.push(performance.now() - began);
    }
    const [best, , median] = taken.toSorted((a, b) => a - b);
    print(name, `${median!.toFixed(0)} ms (best ${best!.toFixed(0)} ms)`);
  };
  // The charts in sight are drawn together; from then on the page can be used.
  for (const [name, chart] of [["in sight", 0], ["all charts", 10]] as const) {
    await times(`overview from nothing, ${name}`, async () => {
      await page.goto("about:blank");
      await page.goto(`${open.dashboard.url}#/overview`);
      await page.locator(".chart canvas").nth(chart).waitFor();
    });
  }
  let id = Math.floor(STEPS / 2) * 256;
  await times("an episode", async () => {
    await open.goto(`/episode/0/${++id}`);
    await page.locator(".token").first().waitFor();
  });
  await times("the table of episodes", async () => {
    await open.goto("/overview");
    await open.goto("/episodes");
    await page.locator("#row-0").waitFor();
  });
  await times("the table by largest gap", async () => {
    await open.goto("/overview");
    await open.goto("/episodes?sort=gap_max&order=desc");
    await page.locator("#row-0").waitFor();
  });
  await times("a jump within the table", async () => {
    const row = await open.evaluate<number>(JUMP);
    await page.locator(`#row-${row}`).waitFor();
  });
  await times("health", async () => {
    await open.goto("/overview");
    await open.goto("/health");
  });
  const grown = Deno.memoryUsage().rss - before;
  print("memory taken by serving", `${(grown / 1e6).toFixed(0)} MB`);
  const heap = await open.evaluate<number>("performance.memory.usedJSHeapSize");
  print("memory of the page", `${(heap / 1e6).toFixed(0)} MB`);
}

function print(name: string, value: string): void {
  console.log(`${name.padEnd(32)} ${value}`);
}
