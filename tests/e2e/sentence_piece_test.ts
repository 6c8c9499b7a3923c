import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { initialWeights } from "../../examples/calculator/initial_weights.ts";
import { Random } from "../../examples/calculator/random.ts";
import { parseModelConfig } from "../../src/model/mod.ts";
import { RecordReader } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { runCli, runShell } from "../cli/_run_cli.ts";
import {
  SENTENCE_PIECES,
  sentencePiece,
  TEMPLATES,
} from "../model/_sentence_piece.ts";
import { writeTinyModel } from "../model/_tiny_model.ts";
import { withFolder } from "../with_folder.ts";
import { runProgram } from "./_program.ts";

const WORKFLOW = fileURLToPath(new URL("./agents/turns.ts", import.meta.url));

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

const CONFIG = {
  model_type: "mistral",
  architectures: ["MistralForCausalLM"],
  vocab_size: 600,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  hidden_act: "silu",
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  max_position_embeddings: 256,
  sliding_window: null,
  tie_word_embeddings: false,
  eos_token_id: 2,
};

/** A tiny Mistral with a tokenizer of the SentencePiece kind and Mistral's way to write turns. */
async function writeMistral(folder: string, name: string): Promise<void> {
  const { json } = SENTENCE_PIECES.find((one) => one.name === name)!;
  await writeTinyModel(folder, {
    files: {
      "config.json": CONFIG,
      "generation_config.json": { eos_token_id: 2 },
      "tokenizer.json": json,
      "tokenizer_config.json": {
        bos_token: "<s>",
        eos_token: "</s>",
        chat_template: TEMPLATES["instruct.jinja"],
      },
    },
    tensors: initialWeights(parseModelConfig(CONFIG), new Random(3)),
  });
}

Deno.test("train keeps turns one timeline with tokenizers of the SentencePiece kind; inspect, export and score go on from there", async () => {
  for (const name of ["legacy", "first"]) {
    await withFolder(async (folder) => {
      await writeMistral(join(folder, "mistral"), name);
      const task = JSON.stringify({ query: "How many apples? é" });
      await Deno.writeTextFile(
        join(folder, "tasks.jsonl"),
        `${task}\n`.repeat(4),
      );
      const settings = {
        "model.path": "mistral",
        "workflow.path": WORKFLOW,
        "tasks.train": "tasks.jsonl",
        "tasks.validation": "null",
        "rollout.batch_tasks": "2",
        "rollout.group_size": "4",
        "train.steps": "2",
        "train.learning_rate": "0.01",
        "eval.before": "false",
        "eval.after": "false",
      };
      const { code, stderr } = await runProgram([
        ...["train", "--run-dir", "run"],
        ...Object.entries(settings)
          .flatMap(([key, value]) => ["--set", `${key}=${value}`]),
      ], { cwd: folder });
      assertEquals({ code, stderr }, { code: 0, stderr: "" });

      using reader = new RecordReader(join(folder, "run"));
      const counts = reader.database.prepare(
        "SELECT count(*) calls, count(branch) branches, count(untrainable) untrainable FROM calls",
      ).get();
      assertEquals({ ...counts }, { calls: 48, branches: 0, untrainable: 0 });

      const run = (...args: readonly string[]) => runCli(args, { cwd: folder });
      const { stdout: report } = await run("inspect", "run", "--episode", "1");
      const space = name === "legacy" ? "··" : "·";
      assertMatch(report, `[INST]${space}How·many·apples?·é·[/INST]`);
      assertMatch(report, "And⏎\n2?·日本·😀");

      const [tokenizer, text] = [sentencePiece(name), "The answer is 4."];
      const rows = [tokenizer.encode(text)].map((tokens) =>
        JSON.stringify({ tokens })
      );
      await Deno.writeTextFile(join(folder, "in.jsonl"), rows.join("\n"));
      const exported = await run("export", "--model", "run", "--out", "out");
      assertEquals([exported.code, exported.stderr], [0, ""]);
      const scored = await run(
        "score",
        "--model",
        "out",
        "--input",
        "in.jsonl",
      );
      assertEquals([scored.code, scored.stderr], [0, ""]);
      const { logprobs } = JSON.parse(scored.stdout);
      assertEquals(logprobs.length, tokenizer.encode(text).length);
    });
  }
});

Deno.test("serve and chat speak with a tokenizer of the SentencePiece kind", () =>
  withFolder(async (folder) => {
    await writeMistral(join(folder, "mistral"), "legacy");
    const cwd = folder;
    const said = await runShell(
      'printf "How many?\\n\\n" | "$@"',
      [
        "chat",
        "--set",
        `model.path=${join(folder, "mistral")}`,
        "--set",
        "rollout.max_tokens=8",
      ],
    );
    assertEquals(said.code, 0, said.stderr);
    await using server = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--cached-only",
        CLI,
        "serve",
        "--port",
        "0",
        "--set",
        "model.path=mistral",
      ],
      cwd,
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const output = server.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    const { value = "" } = await output.read();
    const url = /(http:\S+\/v1)\n$/.exec(value)?.[1];
    assertTrue(url, value);
    const ask = async (path: string, body: Record<string, unknown>) => {
      const response = await fetch(`${url}/${path}`, {
        method: "POST",
        body: JSON.stringify({ model: "mistral", ...body }),
      });
      assertEquals(response.status, 200);
      return await response.json();
    };
    const tokenizer = sentencePiece("legacy");
    const asked = { temperature: 0, max_tokens: 8, return_token_ids: true };
    const prompts = ["The answer is", tokenizer.encode("<s>")];
    for (const [at, prompt] of prompts.entries()) {
      const { choices: [choice] } = await ask("completions", {
        ...asked,
        prompt,
      });
      const ids = choice.token_ids.filter((id: number) => id !== 2);
      const continues = at === 0;
      assertEquals(choice.text, tokenizer.decode(ids, { continues }));
    }
    const { choices: [echoed] } = await ask("completions", {
      ...asked,
      prompt: prompts[0],
      echo: true,
    });
    assertTrue(echoed.text.startsWith("The answer is"), echoed.text);
    const messages = [{ role: "user", content: "Hello" }];
    const { usage } = await ask("chat/completions", {
      messages,
      max_tokens: 4,
    });
    assertEquals(
      usage.prompt_tokens,
      tokenizer.encode("<s>[INST] Hello [/INST]").length,
    );
    server.kill("SIGINT");
    assertEquals((await server.status).code, 0);
    await output.cancel();
  }));
