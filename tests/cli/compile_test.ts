import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import { QUICKSTART_FILES } from "../../src/cli/quickstart.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { TestFolder } from "../config/_files.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs Deno in `cwd` to its end; throws where it fails. */
async function deno(
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(code, 0, text(stderr));
  return text(stdout) + text(stderr);
}

/** What `deno task compile` does, into `output`; stands in for `denort`, which cannot be had here. */
async function compile(output: string): Promise<string> {
  const args = manifest.tasks.compile.split(" ").slice(1);
  args[args.indexOf("--output") + 1] = output;
  args.splice(1, 0, "--no-check");
  return await deno(args, { cwd: ROOT, env: { DENORT_BIN: Deno.execPath() } });
}

/** Paths in the tree of embedded files that the compiler prints; a whole folder ends in `/*`. */
function embedded(printed: string): string[] {
  const paths: string[] = [];
  const above: string[] = [];
  for (const line of printed.split("\n")) {
    const [, indent, name] = /^((?:│ | {2})*)[├└]─[─┬] (\S+) ?/.exec(line) ??
      [];
    if (indent === undefined || name === undefined) continue;
    above.length = indent.length / 2;
    above.push(name);
    paths.push(above.join("/"));
  }
  return paths;
}

/** Copies what is embedded of the checkout into an empty folder. */
function unpack(paths: readonly string[], folder: string): void {
  for (const path of paths) {
    const file = path.replace(/\/\*$/, "");
    if (file.startsWith(".")) continue; // packages come from Deno's cache
    if (path.endsWith("/*")) copyFolder(join(ROOT, file), join(folder, file));
    else if (Deno.statSync(join(ROOT, file)).isFile) {
      copyFile(join(ROOT, file), join(folder, file));
    }
  }
}

function copyFolder(from: string, to: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    const copy = isDirectory ? copyFolder : copyFile;
    copy(join(from, name), join(to, name));
  }
}

function copyFile(from: string, to: string): void {
  Deno.mkdirSync(dirname(to), { recursive: true });
  Deno.copyFileSync(from, to);
}

Deno.test("deno task compile embeds all that the quickstart runs on", async () => {
  using folder = new TestFolder({ "unpacked/": "", "elsewhere/": "" });
  const printed = await compile(`${folder.path}/astuner`);
  const { size } = await Deno.stat(`${folder.path}/astuner`);
  assertTrue(size > (await Deno.stat(Deno.execPath())).size);

  unpack(embedded(printed), `${folder.path}/unpacked`);
  for (const file of QUICKSTART_FILES) {
    await Deno.stat(`${folder.path}/unpacked/examples/calculator/${file}`);
  }
  // deno.json alone tells Deno not to look for packages in a folder.
  const trained = await deno([
    "run",
    "-A",
    "--cached-only",
    "--unstable-worker-options",
    "../unpacked/cli.ts",
    "train",
    "--json",
    ...["--steps", "1", "--run-dir", "run"],
    ...["--set", "eval.tasks=4", "--set", "rollout.batch_tasks=2"],
  ], { cwd: `${folder.path}/elsewhere` });
  assertMatch(trained, '{"event":"done","steps":1,');
  await Deno.stat(
    `${folder.path}/elsewhere/run/checkpoints/latest/config.json`,
  );
});
