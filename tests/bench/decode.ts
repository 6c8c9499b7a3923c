/**
 * Tokens a second of decoding: 128 sequences, 40 tokens each, from prompts of one token.
 *
 *     deno run -A tests/bench/decode.ts [--rounds N] [--json]
 *
 * @module
 */
import { Decoder } from "../../src/nn/decoder.ts";
import { GpuPolicy } from "../../src/nn/gpu_policy.ts";
import { Scheduler } from "../../src/nn/scheduler.ts";
import { hashedWeights } from "../nn/_hashed_model.ts";
import {
  type BenchOptions,
  median,
  type Row,
  runBench,
  short,
  time,
} from "./_report.ts";
import { SHAPE, withPlanner } from "./_small_model.ts";

const [SEQUENCES, TOKENS] = [128, 40];

function bench({ rounds }: BenchOptions): Promise<readonly Row[]> {
  return withPlanner(async (planner) => {
    const policy = new GpuPolicy(planner, SHAPE, hashedWeights(SHAPE), {
      maxNodes: 64,
      trained: false,
    });
    const rows: Row[] = [];
    // What the engine does by default, and all in one submission.
    for (const stepsPerSubmission of [8, TOKENS]) {
      const decoder = new Decoder(planner, SHAPE, policy.weights, {
        maxBatch: SEQUENCES,
        maxContext: 64,
        cacheTokens: SEQUENCES * 64,
        prefillRows: 256,
        stepsPerSubmission,
      });
      const scheduler = new Scheduler(decoder);
      const run = async () => {
        for (let id = 0; id < SEQUENCES; id++) {
          scheduler.add({
            id,
            tokens: [id],
            temperature: 1,
            topK: 0,
            topP: 1,
            minP: 0,
            seed: id,
            maxTokens: TOKENS,
            stopTokens: [],
          });
        }
        while (scheduler.running + scheduler.waiting > 0) {
          await scheduler.step();
        }
      };
      await run(); // compiles
      const spent: number[] = [];
      for (let i = 0; i < rounds; i++) spent.push(await time(run));
      const ms = median(spent);
      rows.push({
        sequences: SEQUENCES,
        tokens: TOKENS,
        "steps a submission": stepsPerSubmission,
        ms: short(ms),
        "tokens/s": Math.round(SEQUENCES * TOKENS / ms * 1000),
      });
    }
    return rows;
  });
}

await runBench("decode", 7, bench);
