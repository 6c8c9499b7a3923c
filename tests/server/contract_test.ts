import { fileURLToPath } from "node:url";
import { loadServeConfig } from "../../src/config/mod.ts";
import { serve } from "../../src/launcher/mod.ts";
import { CONTRACT, modelOf } from "./_contract.ts";

const MODEL = fileURLToPath(
  new URL("../../examples/calculator/model", import.meta.url),
);

/** A vLLM server to hold to the same contract, where there is one. */
const VLLM_URL = Deno.env.get("ASTUNER_VLLM_URL");

async function checkAll(t: Deno.TestContext, url: string): Promise<void> {
  const model = await modelOf(url);
  for (const { name, check } of CONTRACT) {
    await t.step(name, () => check({ url, model }));
  }
}

Deno.test("serve() offers vLLM's interface from the embedded engine", async (t) => {
  const config = await loadServeConfig({
    set: [`model.path=${MODEL}`, "engine.max_batch=16"],
  });
  await using server = await serve(config, { port: 0 });
  await checkAll(t, server.url.replace(/\/v1$/, ""));
});

Deno.test({
  name: "vLLM, at ASTUNER_VLLM_URL, does what our server does",
  ignore: VLLM_URL === undefined,
  fn: (t) => checkAll(t, VLLM_URL!),
});
