import { loadServeConfig, probeBoundOf } from "../../src/config/mod.ts";
import { assertEquals } from "../assert.ts";

/** The bounds before the first probe, and after one that found `gaps`. */
async function bounds(
  set: readonly string[],
  gaps: readonly number[],
): Promise<number[]> {
  const config = await loadServeConfig({ set: ["model.path=.", ...set] });
  return [undefined, ...gaps].map((gap) => probeBoundOf(config, gap));
}

Deno.test("probeBoundOf() expects of vLLM's later probes what its first one makes likely", async () => {
  const url = "engine.url=http://127.0.0.1:8000";
  const vllm = ["engine.kind=vllm", url];
  assertEquals(await bounds(vllm, [4e-6, 0.03, 0.4]), [1, 0.05, 0.3, 1]);
  assertEquals(await bounds([...vllm, "engine.probe_bound=2"], [4e-6]), [2, 2]);
  assertEquals(await bounds([], [4e-6]), [0.05, 0.05]);
});
