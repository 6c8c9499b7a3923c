import { algorithmOf, loadConfig, refillsOf } from "../../src/config/mod.ts";
import { algorithm } from "../../src/trainer/mod.ts";
import { assertEquals } from "../assert.ts";
import { runFolder } from "./_files.ts";

Deno.test("algorithmOf() is the named algorithm where nothing is changed", async () => {
  using folder = runFolder();
  for (const name of ["grpo", "dapo", "cispo"] as const) {
    const config = await loadConfig({
      file: `${folder.path}/run.yaml`,
      set: [`train.algorithm.name=${name}`],
    });
    assertEquals(algorithmOf(config.train.algorithm), algorithm(name));
  }
});

Deno.test("algorithmOf() puts every key that is given in place of the algorithm's own", async () => {
  using folder = runFolder(`train:
  algorithm:
    name: dapo
    advantage: group_mean
    deviation: population
    advantage_epsilon: 0
    normalisation: constant
    constant_length: 30
    surrogate: reinforce
    ratio: product
    clip_low: 0.1
    clip_high: 0.3
    dual_clip: 3
    kl: k3
    kl_coefficient: 0.01
    entropy_bonus: 0.001
    importance: mask
    importance_cap: 4
    importance_floor: 0.5
    sequence_mask: geometric_mean
    sequence_mask_low: 0.8
    sequence_mask_high: 1.25`);
  const config = await loadConfig({ file: `${folder.path}/run.yaml` });
  assertEquals(algorithmOf(config.train.algorithm), {
    advantage: "group_mean",
    deviation: "population",
    advantageEpsilon: 0,
    normalisation: "constant",
    constantLength: 30,
    surrogate: "reinforce",
    ratio: "product",
    clipLow: 0.1,
    clipHigh: 0.3,
    dualClip: 3,
    kl: "k3",
    klCoefficient: 0.01,
    entropyBonus: 0.001,
    importance: "mask",
    importanceCap: 4,
    importanceFloor: 0.5,
    sequenceMask: "geometric_mean",
    sequenceMaskLow: 0.8,
    sequenceMaskHigh: 1.25,
  });
});

Deno.test("refillsOf() refills under dapo alone, unless the config says how often", async () => {
  using folder = runFolder();
  const refills = async (...set: string[]) =>
    refillsOf(await loadConfig({ file: `${folder.path}/run.yaml`, set }));
  assertEquals(await refills(), 0);
  assertEquals(await refills("train.algorithm.name=dapo"), 3);
  assertEquals(await refills("rollout.refills=1"), 1);
});
