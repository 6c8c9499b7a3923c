import { planFile } from "../../src/gpu/mod.ts";
import { assertEquals } from "../assert.ts";

/** Runs `fn` with the user's cache folder at `folder`. */
async function withCache(
  fn: (folder: string) => void | Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("XDG_CACHE_HOME");
  Deno.env.set("XDG_CACHE_HOME", folder);
  try {
    await fn(folder);
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("planFile() keeps texts by key, in whole files", async () => {
  await withCache(async (folder) => {
    assertEquals(planFile().load("card A"), undefined);
    planFile().save("card A", "one");
    planFile().save("card B", "two");
    planFile().save("card A", "three");
    assertEquals(planFile().load("card A"), "three");
    assertEquals(planFile().load("card B"), "two");
    const names = [...Deno.readDirSync(`${folder}/astuner`)];
    assertEquals(names.map(({ name }) => name), ["plans.json"]);
    const text = await Deno.readTextFile(`${folder}/astuner/plans.json`);
    assertEquals(JSON.parse(text), { "card A": "three", "card B": "two" });
  });
});

Deno.test("planFile() takes a damaged file for an empty one, and mends it", async () => {
  for (const text of ["", "{", "null", "[1, 2]", '"text"', "7", '{"key": 7}']) {
    await withCache(async (folder) => {
      await Deno.mkdir(`${folder}/astuner`);
      await Deno.writeTextFile(`${folder}/astuner/plans.json`, text);
      assertEquals(planFile().load("key"), undefined, text);
      planFile().save("key", "value");
      assertEquals(planFile().load("key"), "value", text);
    });
  }
});

Deno.test("planFile() does without a folder it cannot write", async () => {
  await withCache(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/astuner`,
      "a file in the folder's place",
    );
    planFile().save("key", "value");
    assertEquals(planFile().load("key"), undefined);
  });
});
