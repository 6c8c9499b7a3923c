import { Dashboard } from "../../src/monitor/dashboard/mod.ts";
import { RecordReader, RecordWriter } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import {
  generateRun,
  tokenText,
  writeStep,
} from "../monitor/_generated_run.ts";
import { CHROMIUM, OpenPage } from "./_browser.ts";

/** What would run if any of it were ever taken for HTML, a URL or a style. */
const ATTACK = [
  `<script>globalThis.owned = 1</script>`,
  `<img src=x onerror="globalThis.owned = 1">`,
  `<svg onload=globalThis.owned=1>`,
  `"><iframe srcdoc="<script>parent.owned=1</script>">`,
  `</pre></title></textarea><style>body{display:none}</style>`,
  `javascript:globalThis.owned=1`,
  `{{constructor.constructor('globalThis.owned=1')()}}`,
  `\u202egnp.exe \u0000 \ud83d`,
].join(" ");

/** A test in a browser; left out, with a word, where there is none. */
function browserTest(name: string, run: (folder: string) => Promise<void>) {
  Deno.test({
    name: `dashboard ${name}`,
    ignore: CHROMIUM === undefined,
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        await run(folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

browserTest("draws new steps as they are recorded", async (folder) => {
  const options = { steps: 5, groups: 1, groupSize: 4 };
  await generateRun(folder, options);
  await using writer = await RecordWriter.open(folder, { tokenText });
  await using open = await OpenPage.open([folder]);
  const step = open.page.locator(".tile b").first();
  assertEquals(await step.textContent(), "5");
  await open.page.getByText("live", { exact: true }).waitFor();
  await writeStep(writer, 6, options);
  await open.page.locator(".tile b", { hasText: /^6$/ }).first().waitFor();
  await open.page.locator(".chart canvas").nth(11).waitFor();
  open.dashboard.show({
    event: "progress",
    stage: "rollout",
    done: 3,
    total: 8,
    unit: "episodes",
  });
  await open.page.getByText("rollout 3/8 episodes").waitFor();
  assertEquals(open.complaints, []);
});

browserTest(
  "shows how a run ends, and what was recorded while its server was away",
  async (folder) => {
    const options = { steps: 5, groups: 1, groupSize: 4 };
    await generateRun(folder, options);
    await using writer = await RecordWriter.open(folder, { tokenText });
    await using open = await OpenPage.open([folder]);
    const { page } = open;
    const dashboard = await Dashboard.start([folder]);
    const port = Number(new URL(dashboard.url).port);
    await page.goto(dashboard.url);
    await page.getByText("live", { exact: true }).waitFor();
    await writeStep(writer, 6, options);
    dashboard.show({
      event: "done",
      steps: 6,
      seconds: 9,
      eval: { before: null, after: null },
      run: folder,
    });
    await dashboard[Symbol.asyncDispose]();
    await page.getByText("run finished; its dashboard has closed").waitFor();
    const step = (text: RegExp) =>
      page.locator(".tile b", { hasText: text }).first().waitFor();
    await step(/^6$/);
    await writeStep(writer, 7, options);
    await using _again = await Dashboard.start([folder], { port });
    await step(/^7$/);
    await page.getByText("live", { exact: true }).waitFor();
  },
);

browserTest(
  "overlays runs and shows how their configurations differ",
  async (folder) => {
    await generateRun(`${folder}/a`, { steps: 4, adapters: true });
    await generateRun(`${folder}/b`, { steps: 6, seed: 2 });
    await using open = await OpenPage.open([`${folder}/a`, `${folder}/b`]);
    await open.page.getByText("Runs side by side").waitFor();
    const table = await open.page.locator("table.plain").innerText();
    assertMatch(table, /train\.steps\s+4\s+6/);
    assertMatch(table, /train\.lora\.agents\s+\["planner","solver"\]\s+\[\]/);
    await open.page.getByRole("button", { name: "b", exact: true }).click();
    await open.page.locator("h1", { hasText: /^a$/ }).waitFor();
    assertEquals(open.complaints, []);
  },
);

browserTest("filters and sorts the table of episodes", async (folder) => {
  await generateRun(folder, { steps: 12 });
  using reader = new RecordReader(folder);
  await using open = await OpenPage.open([folder]);
  const { page } = open;
  await open.goto("/episodes");
  const total = (count: number) =>
    page.getByText(`${count} episodes`, { exact: true }).waitFor();
  await total(384);
  await page.getByLabel("Outcome").selectOption("failed");
  await total(reader.episodes({ outcome: "failed" }).total);
  await page.getByLabel("Outcome").selectOption("");
  await page.getByLabel("Task or question").fill("problem-7-");
  await total(32);
  assertMatch(await open.evaluate("location.hash"), "task=problem-7-");
  await page.getByRole("button", { name: "Max gap" }).click();
  const [worst] =
    reader.episodes({ task: "problem-7-", sort: "gap_max", limit: 1 }).rows;
  await page.locator(`#row-0[href$="/${worst!.id}"]`).waitFor();
  // Only what is in sight exists.
  assertTrue(await page.locator(".grid-row").count() < 40);
  assertEquals(open.complaints, []);
});

browserTest(
  "loads the rows of a long table where it is scrolled to",
  async (folder) => {
    await generateRun(folder, { steps: 12, groups: 8, groupSize: 32 });
    using reader = new RecordReader(folder);
    const { total } = reader.episodes();
    await using open = await OpenPage.open([folder]);
    const { page } = open;
    await open.goto("/episodes");
    await page.locator("#row-0").waitFor();
    // To the middle, to the end, and back through more pages than the table keeps.
    const jumps = [0.5, 1, ...Array.from({ length: 15 }, (_, at) => at / 15)];
    for (const share of jumps) {
      const row = Math.floor(share * (total - 1));
      await open.evaluate(
        `document.querySelector(".scroller").scrollTop = ${row * 36}`,
      );
      const [expected] = reader.episodes({ offset: row, limit: 1 }).rows;
      const found = page.locator(`#row-${row}[href$="/${expected!.id}"]`);
      await found.waitFor();
      assertTrue(await page.locator(".grid-row").count() < 40);
      const far = row > total / 2 ? 0 : total - 1;
      assertEquals(await page.locator(`#row-${far}`).count(), 0);
    }
    assertEquals(open.complaints, []);
  },
);

browserTest(
  "opens an episode to the token: tree, chat, branches and gaps",
  async (folder) => {
    await generateRun(folder, { steps: 6 });
    using reader = new RecordReader(folder);
    const { rows } = reader.episodes({
      agent: "critic",
      outcome: "solved",
      having: ["branches"],
      limit: 1,
    });
    const id = Number(rows[0]!.id);
    const episode = reader.episode(id)!;
    const nodes = episode.calls.reduce((sum, { path }) => sum + path.length, 0);
    await using open = await OpenPage.open([folder]);
    const { page } = open;
    await open.goto(`/episode/0/${id}`);
    assertEquals(await page.locator(".body [data-node]").count(), nodes);
    assertTrue(await page.locator(".branch").count() >= 2);
    assertMatch(await page.locator(".outline").innerText(), /other agent/);

    const gaps = episode.calls.flatMap(({ trainer, logprobs }) =>
      (trainer ?? []).map((value, at) => Math.abs(value! - logprobs[at]!))
    );
    await page.getByRole("button", { name: "Highest gap" }).click();
    const fact = (name: RegExp) =>
      page.locator(".panel dt", { hasText: name }).locator("+ dd").innerText();
    const shown = Math.abs(Number(await fact(/^gap$/)));
    assertTrue(Math.abs(shown - Math.max(...gaps)) < 1e-2, `${shown}`);
    assertMatch(await fact(/^bytes$/), /^([0-9a-f]{2} ?)+$/);
    await page.getByText(/shared with/).waitFor();
    assertMatch(await open.evaluate("location.hash"), /token=n\d+/);

    // The address alone leads to the token again.
    const address = await open.evaluate<string>("location.hash.slice(1)");
    await open.goto("/health");
    await open.goto(address);
    await page.locator(".token.chosen").waitFor();
    await page.getByRole("button", { name: "Chat" }).click();
    assertEquals(
      await page.locator(".bubble[data-call]").count(),
      episode.calls.length,
    );
    assertMatch(await page.locator(".chat").innerText(), /tool call/);
    assertEquals(open.complaints, []);
  },
);

browserTest(
  "colours an episode by what is asked for, and copies it",
  async (folder) => {
    await generateRun(folder, { steps: 6 });
    using reader = new RecordReader(folder);
    const { rows } = reader.episodes({ having: ["clipped"], limit: 1 });
    const id = Number(rows[0]!.id);
    await using open = await OpenPage.open([folder]);
    const { page } = open;
    await page.context().grantPermissions([
      "clipboard-read",
      "clipboard-write",
    ]);
    await open.goto(`/episode/0/${id}`);
    const colours = new Set<string>();
    for (const name of ["logprob", "advantage", "ratio", "gap"]) {
      await page.getByLabel("Colour by").selectOption(name);
      colours.add(
        await open.evaluate<string>(
          "[...document.querySelectorAll('.token.trained')].map((tile) => tile.style.backgroundColor).join()",
        ),
      );
    }
    assertEquals(colours.size, 4);

    const lowest = Math.min(
      ...reader.episode(id)!.calls.flatMap(({ logprobs }) =>
        logprobs.map((logprob) => logprob ?? 0)
      ),
    );
    await page.getByRole("button", { name: "Lowest logprob" }).click();
    const shown = await page.locator(".panel dt", {
      hasText: /^logprob, engine$/,
    })
      .locator("+ dd").innerText();
    assertTrue(Math.abs(parseFloat(shown) - lowest) < 1e-2, `${shown}`);

    const copied = async (name: string, said: string) => {
      await page.getByRole("button", { name }).click();
      await page.getByText(`${said} copied`).waitFor();
      return await open.evaluate<string>("navigator.clipboard.readText()");
    };
    assertEquals(JSON.parse(await copied("Copy JSON", "Episode")).id, id);
    assertMatch(await copied("Copy text", "Text"), /<\|im_start\|>/);
    assertEquals(open.complaints, []);
  },
);

browserTest("is found through by keyboard alone", async (folder) => {
  await generateRun(folder, { steps: 5 });
  await using open = await OpenPage.open([folder]);
  const { page: { keyboard }, page } = open;
  await keyboard.press("e");
  await page.locator("#row-0").waitFor();
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowDown");
  const address = await page.locator(".grid-row.current").getAttribute("href");
  await keyboard.press("Enter");
  await page.locator(".token").first().waitFor();
  assertMatch(await open.evaluate("location.hash"), address!);
  await keyboard.press("g");
  await page.locator(".token.chosen").waitFor();
  const before = await page.locator(".token.chosen").getAttribute("data-node");
  await keyboard.press("ArrowLeft");
  const after = await page.locator(".token.chosen").getAttribute("data-node");
  assertTrue(before !== after);
  await keyboard.press("v");
  await page.locator(".chat").waitFor();
  await keyboard.press("c");
  assertEquals(await page.getByLabel("Colour by").inputValue(), "advantage");
  await keyboard.press("u");
  await page.getByText("All episodes of this task").waitFor();
  await keyboard.press("h");
  await page.locator("h1", { hasText: "Health" }).waitFor();
  await keyboard.press("t");
  assertEquals(
    await open.evaluate("document.documentElement.dataset.theme"),
    "dark",
  );
  await keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assertEquals(open.complaints, []);
});

browserTest("fits a phone in both themes", async (folder) => {
  await generateRun(folder, {
    steps: 4,
    hostile: "anUnbrokenNameThatIsMuchLongerThanAnyPhoneIsWide".repeat(3),
  });
  for (const theme of ["light", "dark"] as const) {
    await using open = await OpenPage.open([folder], { width: 360, theme });
    for (
      const address of [
        "/overview",
        "/episodes",
        "/health",
        "/group/0/1",
        "/episode/0/2?token=1.3",
      ]
    ) {
      await open.goto(address);
      await open.page.waitForTimeout(100);
      const over = await open.evaluate<number>(
        "document.documentElement.scrollWidth - innerWidth",
      );
      assertEquals([address, over], [address, 0]);
    }
    assertEquals(open.complaints, []);
  }
});

browserTest("shows what a model wrote, and runs none of it", async (folder) => {
  await generateRun(folder, { steps: 3, hostile: ATTACK, adapters: true });
  await using open = await OpenPage.open([folder]);
  const { page } = open;
  for (
    const address of [
      "/overview",
      "/episodes",
      "/health",
      "/group/0/1",
      "/episode/0/2?token=0.12",
      "/episode/0/2",
    ]
  ) {
    await open.goto(address);
    await page.waitForTimeout(100);
    if (address === "/episode/0/2") await page.keyboard.press("v");
    assertEquals(await open.evaluate("typeof globalThis.owned"), "undefined");
    const foreign = await open.evaluate<number>(
      "document.querySelectorAll('main script, main iframe, main img, main svg, main style').length",
    );
    assertEquals([address, foreign], [address, 0]);
  }
  assertMatch(
    await page.locator("main").innerText(),
    "<script>globalThis.owned = 1</script>",
  );
  assertMatch(await page.locator("main").innerText(), "⟨U+202E⟩");
  assertEquals(open.complaints, []);

  // Even where the page itself were tricked, the browser would refuse.
  const refused = await open.evaluate<string>(
    "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'done'; } catch (error) { return error.name; } })()",
  );
  assertEquals(refused, "TypeError");
});
