import { assertEquals, assertMatch } from "../assert.ts";
import { generateRun } from "../monitor/_generated_run.ts";
import { runCli } from "./_run_cli.ts";

Deno.test("inspect and compare say what is missing or damaged, in one line", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await generateRun(folder, { steps: 2, groups: 2, groupSize: 2 });
    const late = await runCli(["inspect", folder, "--step", "9"]);
    assertEquals(late.code, 2);
    assertMatch(late.stderr, /^There is no step 9 in .*: they are 1 to 2\n$/);
    const early = await runCli(["inspect", folder, "--step", "0"]);
    assertMatch(early.stderr, /^There is no step 0 in .*: they are 1 to 2\n$/);
    const path = `${folder}/records.sqlite`;
    await Deno.writeFile(path, (await Deno.readFile(path)).fill(0xaa, 4096));
    for (
      const args of [
        ["inspect", folder],
        ["inspect", folder, "--episode", "1", "--json"],
        ["compare", folder, folder],
      ]
    ) {
      const damaged = await runCli(args);
      assertEquals([damaged.code, damaged.stdout], [2, ""]);
      assertMatch(damaged.stderr, /^.*records\.sqlite is damaged: .*\n$/);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
