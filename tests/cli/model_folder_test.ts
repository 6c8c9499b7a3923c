import { join } from "node:path";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { withFolder } from "../with_folder.ts";
import { runCli } from "./_run_cli.ts";

const MODEL = "examples/calculator/model";

/** The example's model with one token too many. */
async function writeStranger(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(MODEL)) {
    await Deno.copyFile(join(MODEL, name), join(folder, name));
  }
  const file = join(folder, "tokenizer.json");
  const json = JSON.parse(await Deno.readTextFile(file));
  json.added_tokens.push({ content: "<stranger>", id: 70000, special: true });
  await Deno.writeTextFile(file, JSON.stringify(json));
}

/** The flags that name the model. */
function pathKey(folder: string): string[] {
  return ["--set", `model.path=${JSON.stringify(folder)}`];
}

for (
  const [command, flags] of [
    ["train", pathKey],
    ["serve", (folder) => [...pathKey(folder), "--port", "0"]],
    ["chat", pathKey],
    ["sft", (folder) => [
      ...["--model", folder, "--data", "none.jsonl"],
      ...["--out", join(folder, "out")],
    ]],
  ] satisfies readonly [string, (folder: string) => string[]][]
) {
  Deno.test(`astuner ${command} refuses a tokenizer with ids that the embedding has no row for, before the GPU is asked`, () =>
    withFolder(async (folder) => {
      await writeStranger(folder);
      const { code, stdout, stderr } = await runCli([
        command,
        ...flags(folder),
      ]);
      assertEquals([code, stdout], [2, ""], stderr);
      const file = join(folder, "tokenizer.json");
      assertMatch(
        stderr,
        `${file}: added_tokens has the token id 70000 of "<stranger>", but vocab_size`,
      );
      assertTrue(!stderr.includes("GPU memory"), stderr);
    }));
}
