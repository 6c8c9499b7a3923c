/**
 * What a token tree saves: a training step over 8 episodes of 6 turns, every call unrolled against one tree.
 *
 * The episodes of a task share a prompt of 200 tokens; each turn adds 40 sampled ones. Unrolled, every call is a
 * sequence of its own, with its history before it.
 *
 *     deno run -A tests/bench/tree_saving.ts [--rounds N] [--json]
 *
 * @module
 */
import { GpuPolicy } from "../../src/nn/gpu_policy.ts";
import type { TreeInput } from "../../src/nn/policy.ts";
import { hashed, hashedIntegers } from "../gpu/_hashed.ts";
import { forestOf } from "../nn/_forest.ts";
import { hashedWeights } from "../nn/_hashed_model.ts";
import {
  type BenchOptions,
  median,
  type Row,
  runBench,
  short,
  time,
} from "./_report.ts";
import { SHAPE, STEP, withPlanner } from "./_small_model.ts";

const [EPISODES, TURNS, PROMPT, SAMPLED] = [8, 6, 200, 40];
const MAX_NODES = 4096;

/** The tree: the prompt once, each episode a branch of all its turns. */
function tree(): TreeInput {
  const branch = TURNS * SAMPLED;
  const parents = Int32Array.from(
    { length: PROMPT + EPISODES * branch },
    (_, i) => (i - PROMPT) % branch === 0 && i > 0 ? PROMPT - 1 : i - 1,
  );
  const targets = Uint32Array.from(
    { length: EPISODES * branch },
    (_, i) => PROMPT + i,
  );
  return inputOf(parents, targets);
}

/** The calls as sequences, in batches of at most `MAX_NODES`. */
function unrolled(): TreeInput[] {
  const lengths: number[] = [];
  for (let episode = 0; episode < EPISODES; episode++) {
    for (let turn = 1; turn <= TURNS; turn++) {
      lengths.push(PROMPT + turn * SAMPLED);
    }
  }
  const batches: TreeInput[] = [];
  let parents: number[] = [], targets: number[] = [];
  const finish = () =>
    batches.push(inputOf(Int32Array.from(parents), Uint32Array.from(targets)));
  for (const length of lengths) {
    if (parents.length + length > MAX_NODES) {
      finish();
      [parents, targets] = [[], []];
    }
    const first = parents.length;
    for (let i = 0; i < length; i++) {
      parents.push(i === 0 ? -1 : first + i - 1);
      if (i >= length - SAMPLED) targets.push(first + i);
    }
  }
  finish();
  return batches;
}

function inputOf(parents: Int32Array, targets: Uint32Array): TreeInput {
  const tokens = hashedIntegers("tokens", parents.length, SHAPE.vocabSize);
  return {
    ...forestOf(parents, tokens),
    targets,
    temperature: new Float32Array(targets.length).fill(1),
  };
}

function bench({ rounds }: BenchOptions): Promise<readonly Row[]> {
  const ways = { unrolled: unrolled(), tree: [tree()] };
  return withPlanner(async (planner) => {
    const policy = new GpuPolicy(planner, SHAPE, hashedWeights(SHAPE), {
      maxNodes: MAX_NODES,
      trained: true,
    });
    const step = async (batches: readonly TreeInput[]) => {
      for (const input of batches) {
        await policy.forward(input);
        policy.backward({
          logprob: hashed("gradients", input.targets.length, 1e-3),
          entropy: new Float32Array(input.targets.length),
        });
      }
      await policy.step(STEP);
    };
    await step(ways.tree); // compiles
    const spent = { unrolled: [] as number[], tree: [] as number[] };
    for (let i = 0; i < rounds; i++) {
      spent.unrolled.push(await time(() => step(ways.unrolled)));
      spent.tree.push(await time(() => step(ways.tree)));
    }
    const count = (batches: readonly TreeInput[]) =>
      batches.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const rows = [
      {
        what: "unrolled",
        tokens: count(ways.unrolled),
        ms: median(spent.unrolled),
      },
      { what: "tree", tokens: count(ways.tree), ms: median(spent.tree) },
    ];
    const [a, b] = rows as [typeof rows[0], typeof rows[0]];
    return [
      ...rows.map((row) => ({ ...row, ms: short(row.ms) })),
      {
        what: "unrolled / tree",
        tokens: short(a.tokens / b.tokens),
        ms: short(a.ms / b.ms),
      },
    ];
  });
}

await runBench("tree_saving", 3, bench);
