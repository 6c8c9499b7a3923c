import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { Hub, type HubFileContent } from "../model/_hub.ts";
import { withFolder } from "../with_folder.ts";
import { runCli, runShell } from "./_run_cli.ts";

const MODEL = fileURLToPath(
  new URL("../../examples/calculator/model", import.meta.url),
);

function jsonLines(text: string): Record<string, unknown>[] {
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("astuner sft learns from chats, and export merges what score then sees", async () => {
  await withFolder(async (folder) => {
    const row = JSON.stringify({
      messages: [
        { role: "user", content: "What is 2 + 3?" },
        { role: "assistant", content: "5" },
      ],
    });
    await Deno.writeTextFile(join(folder, "chats.jsonl"), `${row}\n`.repeat(8));
    const tokens = join(folder, "tokens.jsonl");
    await Deno.writeTextFile(tokens, '{"tokens":[5,6,7,8]}\n{"tokens":[9]}\n');
    const run = (...args: readonly string[]) => runCli(args, { cwd: folder });

    const sft = await run(
      ...["sft", "--model", MODEL, "--data", "chats.jsonl", "--out", "taught"],
      ...["--method", "lora", "--lr", "1e-2", "--epochs", "3", "--json"],
      ...["--batch-size", "2", "--validation-share", "0.25"],
    );
    assertEquals(sft.code, 0, sft.stderr);
    const [memory, ...records] = jsonLines(sft.stdout);
    assertEquals(memory!.event, "memory");
    const done = records.pop()!;
    assertEquals(records.length, 9);
    assertTrue(Number(records[8]!.loss) < Number(records[0]!.loss));
    assertTrue(Number(records[8]!.validationLoss) > 0);
    assertEquals([done.examples, done.validationExamples], [6, 2]);

    const merged = await run("export", "--model", "taught", "--out", "merged");
    assertMatch(merged.stdout, "Wrote merged: 164,192 weights as F32");
    const half = await run(
      ...["convert", "--model", "merged", "--out", "half", "--dtype", "bf16"],
      ...["--shard-size", "100KB", "--json"],
    );
    assertEquals(JSON.parse(half.stdout).dtype, "BF16");

    const scores = await Promise.all(
      ["taught", "merged", "half"].map(async (model) => {
        const { stdout } = await run(
          "score",
          "--model",
          model,
          "--input",
          tokens,
        );
        return jsonLines(stdout).map(({ logprobs }) => logprobs as number[]);
      }),
    );
    for (const [four, one] of scores) {
      assertEquals(four!.length, 4);
      assertEquals(one?.length, 1);
      four!.slice(1).forEach((logprob, at) =>
        assertTrue(Math.abs(logprob - scores[0]![0]![at + 1]!) < 0.05)
      );
    }
  });
});

Deno.test("astuner sft drops its share in training, the same of the same seed, and nothing in validation", async () => {
  await withFolder(async (folder) => {
    const row = JSON.stringify({
      messages: [
        { role: "user", content: "What is 2 + 3?" },
        { role: "assistant", content: "5" },
      ],
    });
    await Deno.writeTextFile(join(folder, "chats.jsonl"), `${row}\n`.repeat(8));
    const sft = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await runCli([
        ...["sft", "--data", "chats.jsonl", "--method", "lora", "--json"],
        ...["--epochs", "3", "--batch-size", "8", "--validation-share", "0.25"],
        ...args,
      ], { cwd: folder });
      assertEquals(code, 0, stderr);
      const records = jsonLines(stdout);
      return {
        notes: records.filter(({ event }) => event === "note"),
        steps: records.filter(({ event }) => event === "step"),
      };
    };
    const fresh = ["--model", MODEL, "--lr", "1e-2"];
    const dropping = [...fresh, "--set", "train.lora.dropout=0.1"];
    const [a, b, plain] = await Promise.all([
      sft(...dropping, "--out", "a"),
      sft(...dropping, "--out", "b"),
      sft(...fresh, "--out", "plain"),
    ]);
    assertEquals(a.steps.length, 3);
    assertEquals(a, b);
    // A new adapter adds nothing, whatever is dropped before it.
    assertEquals(a.steps[0]!.loss, plain.steps[0]!.loss);
    assertTrue(a.steps[2]!.loss !== plain.steps[2]!.loss);
    const { lora_dropout } = JSON.parse(
      await Deno.readTextFile(join(folder, "a", "adapter_config.json")),
    );
    assertEquals(lora_dropout, 0.1);

    const still = await sft(
      ...["--model", "a", "--out", "c", "--lr", "1e-30"],
      ...["--set", "train.lora.dropout=0.5"],
    );
    assertMatch(
      String(still.notes[0]!.text),
      "with dropout 0.1, and goes on with train.lora.dropout: 0.5",
    );
    const losses = new Set(still.steps.map(({ loss }) => loss));
    const held = new Set(
      still.steps.map(({ validationLoss }) => validationLoss),
    );
    assertEquals([losses.size, held.size], [3, 1]);
  });
});

Deno.test("astuner update gives the same weights for the same rollouts", async () => {
  await withFolder(async (folder) => {
    const rows = [0, 1].map((reward) => ({
      group: "a",
      tokens: [5, 6, 7 + reward, 8],
      mask: [0, 0, 1, 1],
      logprobs: [0, 0, -15, -15],
      reward,
    }));
    await Deno.writeTextFile(
      join(folder, "log.jsonl"),
      rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
    );
    const weights = await Promise.all(["a", "b"].map(async (out) => {
      const { code, stdout, stderr } = await runCli(
        [
          ...["update", "--model", MODEL, "--rollouts", "log.jsonl"],
          ...["--out", out, "--lr", "1e-3", "--steps", "2", "--epochs", "2"],
          ...["--algorithm", "dapo"],
        ],
        { cwd: folder },
      );
      assertEquals(code, 0, stderr);
      const records = jsonLines(stdout);
      assertEquals(records.map(({ step }) => step), [1, 2]);
      assertEquals(records[0]!.optimizerSteps, 2);
      return await Deno.readFile(join(folder, out, "model.safetensors"));
    }));
    assertEquals(weights[0], weights[1]);
  });
});

Deno.test("astuner's commands on files say what is wrong, with exit code 2", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "bad.jsonl"), '{"tokens":[1]}\n{');
    await Deno.mkdir(join(folder, "full"));
    await Deno.writeTextFile(join(folder, "full", "thesis.txt"), "");
    const cases: readonly (readonly [readonly string[], string])[] = [
      [["score"], "--model is missing"],
      [["score", "--model", "nowhere"], "There is no nowhere"],
      [
        ["score", "--model", MODEL, "--input", "none.jsonl"],
        "none.jsonl: there is no such file",
      ],
      [
        ["score", "--model", MODEL, "--input", "bad.jsonl"],
        "bad.jsonl:2: the line is not JSON",
      ],
      [
        ["export", "--model", MODEL, "--out", "full"],
        "--out full: the folder holds other things than a model",
      ],
      [
        ["sft", "--model", MODEL, "--out", "bad.jsonl/x", "--data", "none"],
        "--out bad.jsonl/x: ",
      ],
      [
        ["convert", "--model", join(MODEL, "config.json"), "--out", "x"],
        "config.json/config.json: Not a directory",
      ],
      [
        ["score", "--model", MODEL, "--adapter", "bad.jsonl"],
        "bad.jsonl holds no adapter",
      ],
      [
        ["convert", "--model", MODEL, "--out", "x", "--dtype", "Q4"],
        "--dtype must be F32, F16 or BF16",
      ],
      [
        ["update", "--model", MODEL, "--out", "x", "--rollouts", "bad.jsonl"],
        "bad.jsonl:1: group must be a text or a number",
      ],
      [
        ["sft", "--model", MODEL, "--out", "x", "--data", "bad.jsonl"],
        "bad.jsonl:1: a line must hold messages",
      ],
      [
        ["export", "--model", MODEL, "--adapter", MODEL, "--out", "x"],
        "adapter_config.json is missing",
      ],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await runCli(args, { cwd: folder });
      assertEquals(code, 2, `${args}: ${stderr}`);
      assertMatch(stderr, message);
    }
  });
});

Deno.test("astuner score ends when nobody reads on, as after | head", async () => {
  await withFolder(async (folder) => {
    const tokens = join(folder, "tokens.jsonl");
    await Deno.writeTextFile(tokens, '{"tokens":[5,6,7,8]}\n'.repeat(1e5));
    const args = ["score", "--model", MODEL, "--input", tokens];
    const head = await runShell('"$@" | head -1; echo ${PIPESTATUS[@]}', args);
    const [first, codes] = head.stdout.trim().split("\n");
    assertEquals(Object.keys(JSON.parse(first!)), ["logprobs"]);
    assertEquals(codes, "141 0");
    assertEquals(head.stderr, "");
  });
});

Deno.test({
  name: "astuner sft finishes its work where standard output takes no more",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await withFolder(async (folder) => {
      const data = join(folder, "texts.jsonl");
      await Deno.writeTextFile(data, '{"prompt":"2 + 3 = ","completion":"5"}');
      const out = join(folder, "taught");
      const args = ["sft", "--model", MODEL, "--data", data, "--out", out];
      const { code, stderr } = await runShell('"$@" > /dev/full', args);
      assertEquals(code, 0, stderr);
      assertMatch(stderr, "Cannot write to standard output: No space left");
      assertTrue((await Deno.stat(join(out, "model.safetensors"))).isFile);
    });
  },
});

Deno.test({
  name: "astuner sft and update save what they have at Ctrl-C",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await withFolder(async (folder) => {
      const row = { group: 1, tokens: [5, 6, 7], mask: [0, 1, 1] };
      const rollouts = [0, 1].map((reward) =>
        JSON.stringify({ ...row, logprobs: [-1, -1], reward }) + "\n"
      );
      const inputs = {
        sft: ["--data", '{"prompt":"2 + 3 = ","completion":"5"}\n'],
        update: ["--rollouts", rollouts.join("")],
      };
      const more = {
        sft: ["--epochs", "100000"],
        update: ["--steps", "100000"],
      };
      for (const command of ["sft", "update"] as const) {
        const [flag, text] = inputs[command] as [string, string];
        const input = join(folder, `${command}.jsonl`);
        await Deno.writeTextFile(input, text);
        const out = join(folder, command);
        const args = [command, "--model", MODEL, flag, input, "--out", out];
        // The signal comes when the first step has been told of.
        const { stdout } = await runShell(
          'exec 3< <(exec "$@"); read -r -u 3; read -r -u 3; kill -INT $!; ' +
            'cat <&3; wait $!; echo "exit $?"',
          [...args, ...more[command], "--json"],
        );
        assertMatch(stdout, "exit 130");
        assertTrue((await Deno.stat(join(out, "model.safetensors"))).isFile);
      }
    });
  },
});

Deno.test("astuner takes a name on the Hub for a model, downloads it once, and then does offline", async () => {
  await withFolder(async (folder) => {
    const files: Record<string, HubFileContent> = {};
    for await (const { name } of Deno.readDir(MODEL)) {
      const large = name.endsWith(".safetensors");
      files[name] = { bytes: await Deno.readFile(join(MODEL, name)), large };
    }
    const commit = "89".repeat(20);
    const rows = '{"tokens":[5,6,7,8]}\n';
    await Deno.writeTextFile(join(folder, "tokens.jsonl"), rows);
    const score = (model: string, env: Readonly<Record<string, string>>) =>
      runCli(["score", "--model", model, "--input", "tokens.jsonl"], {
        cwd: folder,
        env: { HF_HOME: folder, HF_HUB_CACHE: "", HF_TOKEN: "", ...env },
      });
    const expected = (await score(MODEL, {})).stdout;
    {
      await using hub = new Hub({ id: "team/calculator", commit, files });
      const { code, stdout, stderr } = await score("team/calculator", {
        HF_ENDPOINT: hub.endpoint,
      });
      assertEquals(code, 0, stderr);
      assertEquals(stdout, expected);
      assertMatch(stderr, "Downloading team/calculator: 0.7 of 0.7 MB");
    }
    const offline = await score("team/calculator", { HF_HUB_OFFLINE: "1" });
    assertEquals(offline.stdout, expected);
    assertEquals(offline.stderr, "");
    const data = join(folder, "texts.jsonl");
    await Deno.writeTextFile(data, '{"prompt":"2 + 3 = ","completion":"5"}');
    const taught = await runCli(
      ["sft", "--model", "team/calculator", "--data", data, "--out", "adapter"]
        .concat("--method", "lora"),
      {
        cwd: folder,
        env: { HF_HOME: folder, HF_HUB_CACHE: "", HF_HUB_OFFLINE: "1" },
      },
    );
    assertEquals(taught.code, 0, taught.stderr);
    const { base_model_name_or_path, revision } = JSON.parse(
      await Deno.readTextFile(join(folder, "adapter", "adapter_config.json")),
    );
    assertEquals([base_model_name_or_path, revision], [
      "team/calculator",
      commit,
    ]);
    const over = await score("adapter", { HF_HUB_OFFLINE: "1" });
    assertEquals(over.code, 0, over.stderr);
    const other = await runCli(
      ["convert", "--model", "team/calculator", "--revision", "v9"]
        .concat("--out", "other"),
      {
        cwd: folder,
        env: { HF_HOME: folder, HF_HUB_CACHE: "", HF_HUB_OFFLINE: "1" },
      },
    );
    assertMatch(other.stderr, "team/calculator at v9 is not in");
    const absent = await score("team/poet", { HF_HUB_OFFLINE: "1" });
    assertEquals(absent.code, 2);
    assertMatch(absent.stderr, "team/poet at main is not in");
  });
});
