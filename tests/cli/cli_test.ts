import { COMMANDS } from "../../src/cli/commands.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { runFolder } from "../config/_files.ts";
import { runCli } from "./_run_cli.ts";

/** Runs the program, which must refuse: exit code 2, nothing printed, no stack trace. */
async function refusal(args: readonly string[], cwd = "."): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { cwd });
  assertEquals([code, stdout], [2, ""]);
  assertTrue(!/\n\s+at /.test(stderr), stderr);
  return stderr;
}

Deno.test("astuner without a command prints every command, and how to begin", async () => {
  const { code, stdout, stderr } = await runCli([]);
  assertEquals([code, stderr], [0, ""]);
  for (const { name, summary } of COMMANDS) {
    assertMatch(stdout, new RegExp(`^  ${name} +${summary}$`, "m"));
  }
  assertMatch(stdout, "Begin with: astuner train");
  assertEquals((await runCli(["--help"])).stdout, stdout);
  assertEquals((await runCli(["help"])).stdout, stdout);
});

Deno.test("astuner COMMAND --help explains each flag and gives examples", async () => {
  for (const { name, flags, examples } of COMMANDS) {
    const { code, stdout } = await runCli([name, "--help"]);
    assertEquals(code, 0);
    for (const flag of Object.keys(flags)) assertMatch(stdout, `  --${flag}`);
    for (const [args] of examples) assertMatch(stdout, `  astuner ${args} `);
  }
  const { stdout } = await runCli(["help", "train"]);
  assertEquals((await runCli(["train", "-h"])).stdout, stdout);
});

Deno.test("astuner --version prints the version of deno.json", async () => {
  const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
  assertEquals(await runCli(["--version"]), {
    code: 0,
    stdout: `${version}\n`,
    stderr: "",
  });
});

Deno.test("astuner suggests the command and the flag that were meant", async () => {
  assertEquals(
    await refusal(["trian"]),
    'Unknown command trian; did you mean "train"?\nSee astuner --help\n',
  );
  assertMatch(await refusal(["help", "evl"]), 'did you mean "eval"?');
  assertMatch(await refusal(["--verison"]), "Unknown flag --verison");
  assertMatch(
    await refusal(["train", "--step", "3"]),
    'Unknown flag --step; did you mean "--steps"?',
  );
  assertMatch(await refusal(["train", "-x"]), "Unknown flag -x");
});

Deno.test("astuner shows control characters of a message by their numbers, so that no agent's words move the cursor", async () => {
  assertMatch(
    await refusal(["inspect", "\x1b[2J\tnowhere"]),
    /^No records in ⟨U\+001B⟩\[2J\tnowhere:/,
  );
});

Deno.test("astuner refuses flags without values, values without flags, and what is left over", async () => {
  assertMatch(
    await refusal(["train", "--conf"]),
    "--conf needs a value: --conf FILE",
  );
  assertMatch(
    await refusal(["train", "--conf", "--json"]),
    "--conf needs a value",
  );
  assertMatch(await refusal(["train", "--conf="]), "--conf needs a value");
  assertMatch(await refusal(["train", "--json=yes"]), "--json takes no value");
  assertMatch(
    await refusal(["train", "run.yaml"]),
    'Unexpected argument "run.yaml"',
  );
  assertMatch(
    await refusal(["serve", "--port", "x"]),
    "--port must be a whole number",
  );
  assertMatch(await refusal(["serve", "--port", "70000"]), "at most 65535");
});

Deno.test("astuner config without flags prints a config to start from", async () => {
  const { code, stdout } = await runCli(["config"]);
  assertEquals(code, 0);
  assertMatch(stdout, "# Training steps.\n  steps: 100\n");
});

Deno.test("astuner config --schema prints the JSON Schema", async () => {
  const { code, stdout } = await runCli(["config", "--schema"]);
  assertEquals(code, 0);
  assertEquals(
    JSON.parse(stdout).properties.train.properties.steps.default,
    100,
  );
  assertMatch(
    await refusal(["config", "--schema", "--seed", "1"]),
    "--schema stands alone",
  );
});

Deno.test("astuner config --conf prints the file resolved, flags included", async () => {
  using folder = runFolder("seed: 3");
  const args = ["config", "--conf", "run.yaml", "--set", "train.steps=7"];
  const { code, stdout } = await runCli([...args, "--seed", "4"], {
    cwd: folder.path,
  });
  assertEquals(code, 0);
  assertMatch(stdout, /^seed: 4$/m);
  assertMatch(stdout, /^ {2}steps: 7$/m);
  assertMatch(stdout, `  path: ${Deno.realPathSync(folder.path)}/model`);
});

Deno.test("astuner train names the file, line and column of each mistake", async () => {
  using folder = runFolder("rollout:\n  group_sise: 8\n  temperature: warm");
  assertEquals(
    await refusal(["train", "--conf", "run.yaml"], folder.path),
    'run.yaml:5:3: rollout.group_sise is not a known key; did you mean "group_size"?\n' +
      'run.yaml:6:3: rollout.temperature must be a number, got "warm"\n',
  );
});

Deno.test("astuner train names the flag that is wrong", async () => {
  using folder = runFolder();
  const wrong = async (...flags: string[]) =>
    await refusal(["train", "--conf", "run.yaml", ...flags], folder.path);
  assertEquals(
    await wrong("--set", "train.epochs=0"),
    "--set train.epochs=0: train.epochs must be at least 1, got 0\n",
  );
  assertEquals(
    await wrong("--seed", "x", "--steps", "-1"),
    '--seed x: seed must be a number, got "x"\n' +
      "--steps -1: train.steps must be at least 0, got -1\n",
  );
  assertMatch(
    await wrong("--backbone", "webgppu"),
    '--backbone webgppu: train.backbone must be webgpu or debug, got "webgppu"; did you mean "webgpu"?',
  );
});

Deno.test("astuner train says which file is not there", async () => {
  assertEquals(
    await refusal(["train", "--conf", "no.yaml"]),
    "no.yaml: There is no such file\n",
  );
  assertMatch(
    await refusal(["train", "--resume", "no/run"]),
    "no/run/config.yaml: There is no such file",
  );
  assertMatch(await refusal(["eval", "./no/model"]), "There is no ./no/model");
});

Deno.test("astuner train takes --resume without a config or directory of its own", async () => {
  assertMatch(
    await refusal(["train", "--resume", "x", "--conf", "y.yaml"]),
    "leave out --conf",
  );
  assertMatch(
    await refusal(["train", "--resume", "x", "--run-dir", "y"]),
    "leave out --run-dir",
  );
});

Deno.test("astuner doctor exits with 2 and the remedies where there is no GPU", async () => {
  const nowhere = "/nowhere.json";
  const env = {
    VK_ICD_FILENAMES: nowhere,
    VK_DRIVER_FILES: nowhere,
    __EGL_VENDOR_LIBRARY_FILENAMES: nowhere,
  };
  const { code, stdout, stderr } = await runCli(["doctor"], { env });
  assertEquals([code, stderr], [2, ""]);
  assertMatch(stdout, "apt-get install mesa-vulkan-drivers");
  const json = await runCli(["doctor", "--json"], { env });
  const report = JSON.parse(json.stdout);
  assertEquals([json.code, report.ready, report.adapter], [2, false, null]);
  assertEquals(report.missing.length, 1);
});

Deno.test("astuner doctor describes the GPU without a word from its driver", async () => {
  const { code, stdout, stderr } = await runCli(["doctor", "--json"], {
    env: { XDG_RUNTIME_DIR: "" },
  });
  const { ready, adapter, versions } = JSON.parse(stdout);
  assertEquals([stderr, code], ["", ready ? 0 : 2]);
  assertEquals(versions.deno, Deno.version.deno);
  assertTrue(!ready || adapter.limits.maxStorageBuffersPerShaderStage >= 10);
});
