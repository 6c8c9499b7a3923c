import { fileURLToPath } from "node:url";
import { loadServeConfig } from "../../src/config/mod.ts";
import { serve } from "../../src/launcher/mod.ts";
import { ADAPTER } from "./_adapter_contract.ts";
import type { Server } from "./_client.ts";
import { CONTRACT } from "./_contract.ts";

const MODEL = fileURLToPath(
  new URL("../../examples/calculator/model", import.meta.url),
);

/** A vLLM server to hold to the same contract, where there is one; on this machine, with --enable-lora. */
const VLLM_URL = Deno.env.get("ASTUNER_VLLM_URL");

async function checkAll(t: Deno.TestContext, server: Server): Promise<void> {
  for (const { name, check } of CONTRACT) {
    await t.step(name, () => check(server));
  }
}

Deno.test("serve() offers vLLM's interface from the embedded engine", async (t) => {
  const { rank, alpha, targets } = ADAPTER;
  const config = await loadServeConfig({
    set: [
      `model.path=${MODEL}`,
      "engine.max_batch=16",
      "train.method=lora",
      `train.lora.rank=${rank}`,
      `train.lora.alpha=${alpha}`,
      `train.lora.targets=[${targets}]`,
    ],
  });
  await using server = await serve(config, { port: 0 });
  const { url, model } = server;
  await checkAll(t, { url: url.replace(/\/v1$/, ""), model, folder: MODEL });
});

Deno.test({
  name: "vLLM, at ASTUNER_VLLM_URL, does what our server does",
  ignore: VLLM_URL === undefined,
  async fn(t) {
    const url = VLLM_URL!;
    const { data } = await (await fetch(`${url}/v1/models`)).json();
    const { id: model, root: folder } = data[0];
    await checkAll(t, { url, model, folder });
  },
});
