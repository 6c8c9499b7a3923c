import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { Hub } from "../model/_hub.ts";
import { runCli } from "./_run_cli.ts";

const MODEL = fileURLToPath(
  new URL("../../examples/calculator/model", import.meta.url),
);

/** `config.json` of a Llama too large for any machine. */
const GIANT = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 400,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 32000,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};

Deno.test("astuner plan says what a run would take, from config.json alone, on the Hub too", async () => {
  const bytes = await Deno.readFile(join(MODEL, "config.json"));
  await using hub = new Hub({
    id: "team/calculator",
    commit: "89".repeat(20),
    files: { "config.json": { bytes } },
  });
  const plan = async (model: string, ...args: readonly string[]) => {
    const { code, stdout, stderr } = await runCli(
      ["plan", model, "--json", ...args],
      { env: { HF_ENDPOINT: hub.endpoint, HF_HOME: "/nowhere" } },
    );
    assertEquals(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const { gpu, host, device } = await plan("team/calculator");
  assertEquals((await plan(MODEL)).gpu, gpu);
  assertEquals(host, { "weights as they are read": 164_192 * 4 });
  assertEquals(typeof device, "string");
  assertEquals(
    hub.requests.map(({ path }) => path.split("/").at(-1)),
    ["main", "config.json"],
  );
  const lora = await plan(MODEL, "--set", "train.method=lora");
  assertTrue(lora.gpu.optimizer < gpu.optimizer);
  assertTrue(lora.gpu.adapter > 0);
  const whole = await plan(
    ...[MODEL, "--set", "train.method=lora"] as const,
    ...["--set", "train.lora.modules_to_save=[embed_tokens]"],
  );
  // The vocabulary of 397 is padded to 448.
  const table = 448 * 64 * 4;
  assertEquals(whole.gpu.adapter - lora.gpu.adapter, table);
  assertEquals(whole.gpu.gradients - lora.gpu.gradients, table);
  assertEquals(lora.gpu.weights - whole.gpu.weights, table);
  const served = await plan(MODEL, "--for", "serve");
  assertEquals(served.gpu.gradients, undefined);
  assertEquals(served.gpu.activations, undefined);
  const scored = await plan(MODEL, "--for", "score");
  assertTrue(scored.gpu.activations < gpu.activations);
  assertEquals(served.gpu["KV cache"], gpu["KV cache"]);
});

Deno.test("astuner plan refuses what cannot be held, and says what to change", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const config = join(folder, "config.json");
    await Deno.writeTextFile(config, JSON.stringify(GIANT));
    const plan = async (...args: readonly string[]) => {
      const { code, stderr } = await runCli([
        ...["plan", folder, "--set", "engine.max_batch=1"],
        ...args,
      ]);
      assertEquals(code, 2, stderr);
      return stderr;
    };
    const small = ["--set", "train.max_nodes=64"];
    const all = await plan(...small);
    assertMatch(all, "cannot hold the run");
    assertMatch(all, "weights as they are read");
    assertMatch(all, "set train.method to lora; ");
    const lora = await plan(...small, "--set", "train.method=lora");
    assertMatch(lora, "by what it saves: set model.dtype to bf16; ");
    assertMatch(lora, "lower train.lora.rank (16)");
    const whole = await plan(
      ...[...small, "--set", "train.method=lora"],
      ...["--set", "train.lora.modules_to_save=[norm]"],
    );
    assertMatch(whole, "shorten train.lora.modules_to_save (norm)");
    assertMatch(
      await plan("--set", "train.recompute=never", ...small),
      "set train.recompute to always",
    );
    const wide = await plan("--set", "train.max_nodes=4194304");
    assertMatch(wide, "(activations)");
    assertMatch(wide, "lower train.max_nodes");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
