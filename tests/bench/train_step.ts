/**
 * Tokens a second of a whole training step, forward, backward, clipping and AdamW: 64 sequences of 64 tokens.
 *
 *     deno run -A tests/bench/train_step.ts [--rounds N] [--json]
 *
 * @module
 */
import { GpuPolicy } from "../../src/nn/gpu_policy.ts";
import { hashed, hashedIntegers } from "../gpu/_hashed.ts";
import { forestOf } from "../nn/_forest.ts";
import { hashedWeights } from "../nn/_hashed_model.ts";
import { everyTarget } from "../nn/_test_policy.ts";
import {
  type BenchOptions,
  median,
  type Row,
  runBench,
  short,
  time,
} from "./_report.ts";
import { SHAPE, STEP, withPlanner } from "./_small_model.ts";

const [SEQUENCES, LENGTH] = [64, 64];

function bench({ rounds }: BenchOptions): Promise<readonly Row[]> {
  const nodes = SEQUENCES * LENGTH;
  const input = everyTarget(forestOf(
    Int32Array.from({ length: nodes }, (_, i) => i % LENGTH ? i - 1 : -1),
    hashedIntegers("tokens", nodes, SHAPE.vocabSize),
  ));
  const gradients = {
    logprob: hashed("gradients", input.targets.length, 1 / nodes),
    entropy: new Float32Array(input.targets.length),
  };
  return withPlanner(async (planner) => {
    const policy = new GpuPolicy(planner, SHAPE, hashedWeights(SHAPE), {
      maxNodes: nodes,
      trained: true,
    });
    const forward = () => policy.forward(input);
    const step = async () => {
      await forward();
      policy.backward(gradients);
      await policy.step(STEP);
    };
    await step(); // compiles
    const spent = { whole: [] as number[], forward: [] as number[] };
    for (let i = 0; i < rounds; i++) {
      spent.whole.push(await time(step));
      spent.forward.push(await time(forward));
    }
    return [
      ["forward, backward, clip, AdamW", median(spent.whole)] as const,
      ["forward alone", median(spent.forward)] as const,
    ].map(([what, ms]) => ({
      what,
      tokens: nodes,
      ms: short(ms),
      "tokens/s": Math.round(nodes / ms * 1000),
    }));
  });
}

await runBench("train_step", 7, bench);
