import { fileURLToPath } from "node:url";
import { designBaseModel } from "../../examples/calculator/base_model.ts";
import { initialWeights } from "../../examples/calculator/initial_weights.ts";
import { pretrain } from "../../examples/calculator/pretrain.ts";
import { Random } from "../../examples/calculator/random.ts";
import { drawTranscript } from "../../examples/calculator/transcripts.ts";
import { loadModelFolder, parseModelConfig } from "../../src/model/mod.ts";
import type {
  Policy,
  ScoreGradients,
  StepOptions,
  TreeInput,
} from "../../src/nn/mod.ts";
import { assertAlmostEquals, assertEquals, assertTrue } from "../assert.ts";

const base = designBaseModel(3000, new Random(1));

/** Text of each token of `text`. */
function pieces(text: string): string[] {
  const { tokenizer } = base;
  return tokenizer.encode(text).map((id) => tokenizer.decode([id]));
}

Deno.test("designBaseModel() renders transcripts as the gateway will render episodes", () => {
  const calls = base.corpus.filter((text) => text.includes("<tool_call>"));
  const guesses = base.corpus.filter((text) => !text.includes("<tool_call>"));
  for (const text of calls) {
    assertTrue(
      /^<\|im_start\|>user\n[^<]+<\|im_end\|>\n<\|im_start\|>assistant\n<tool_call>\n\{"name": "calculator", "arguments": \{"expression": "\d+[-+*]\d+"\}\}\n<\/tool_call><\|im_end\|>\n<\|im_start\|>user\n<tool_response>\n-?\d+\n<\/tool_response><\|im_end\|>\n<\|im_start\|>assistant\n(Answer: |It is |)-?\d+<\|im_end\|>\n$/
        .test(text),
      text,
    );
  }
  for (const text of guesses) {
    assertTrue(
      /^<\|im_start\|>user\n[^<]+<\|im_end\|>\n<\|im_start\|>assistant\nAnswer: \d+<\|im_end\|>\n$/
        .test(text),
      text,
    );
  }
  assertAlmostEquals(guesses.length / base.corpus.length, 0.4, 0.03);
});

Deno.test("the committed model folder is the one that make_model.ts writes", async () => {
  const folder = new URL("../../examples/calculator/model/", import.meta.url);
  for (const [name, json] of Object.entries(base.files)) {
    const text = await Deno.readTextFile(new URL(name, folder));
    assertEquals(JSON.parse(text), JSON.parse(JSON.stringify(json)), name);
  }
  const { size } = await Deno.stat(new URL("model.safetensors", folder));
  assertTrue(size < 3e6, `${size} bytes`);
  const model = await loadModelFolder(fileURLToPath(folder));
  assertEquals(model.toolFormat?.name, "hermes");
  assertEquals(model.eosIds, [base.tokenizer.tokenId("<|im_end|>")!]);
});

Deno.test("designBaseModel() makes words one token and digits single", () => {
  assertEquals(pieces("Zoe has 9 packs of 15 cards. How many?"), [
    ..."Zoe| has| |9| packs| of| |1|5| cards|.| How| many|?".split("|"),
  ]);
  assertEquals(
    pieces('<tool_call>\n{"name": "calculator", "arguments": {"expression":'),
    '<tool_call>|\n|{"|name|":| "|calculator|",| "|arguments|":| {"|expression|":'
      .split("|"),
  );
  assertEquals(pieces("Answer: 45"), ["Answer", ":", " ", "4", "5"]);
});

Deno.test("designBaseModel() keeps the prompt and both replies short", () => {
  const prompt =
    "<|im_start|>user\nTom has 25 apples and loses 20. How many?<|im_end|>\n<|im_start|>assistant\n";
  const call =
    '<tool_call>\n{"name": "calculator", "arguments": {"expression": "25-20"}}\n</tool_call><|im_end|>';
  assertEquals(pieces(prompt).length, 23);
  assertTrue(pieces(call).length < 27);
  assertEquals(pieces("Answer: 400<|im_end|>").length, 7);
});

Deno.test("drawTranscript() succeeds in fewer than one case in five, by its planted bias", () => {
  const random = new Random(3);
  let right = 0;
  for (let i = 0; i < 5000; i++) {
    const [question, ...rest] = drawTranscript(random);
    const query = question!.content as string;
    const [a, b] = query.match(/\d+/g)!.map(Number) as [number, number];
    const answer = / of /.test(query)
      ? a * b
      : /finds|buys|gets/.test(query)
      ? a + b
      : a - b;
    if (rest.at(-1)!.content === `Answer: ${answer}`) right++;
  }
  assertAlmostEquals(right / 5000, 0.187, 0.02);
});

Deno.test("initialWeights() have the deviation of their kind, and gains of one", () => {
  const config = parseModelConfig(base.files["config.json"]!);
  const tensors = new Map(
    initialWeights(config, new Random(4)).map(({ name, data }) => [name, data]),
  );
  const deviation = (name: string) => {
    const data = tensors.get(name)!;
    return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
  };
  const block = "model.layers.1";
  assertAlmostEquals(deviation("model.embed_tokens.weight"), 0.028, 1e-3);
  assertAlmostEquals(deviation(`${block}.mlp.up_proj.weight`), 1 / 8, 4e-3);
  assertAlmostEquals(
    deviation(`${block}.mlp.down_proj.weight`),
    1 / Math.sqrt(176 * 6),
    1e-3,
  );
  assertTrue(
    tensors.get(`${block}.self_attn.q_norm.weight`)!.every((x) => x === 1),
  );
});

/** A policy that gives every target the same logprob and writes down what it is asked. */
class RecordingPolicy implements
  Pick<
    Policy,
    "forward" | "backward" | "step"
  > {
  readonly inputs: TreeInput[] = [];
  readonly gradients: ScoreGradients[] = [];
  readonly steps: StepOptions[] = [];

  forward(input: TreeInput) {
    this.inputs.push(input);
    const count = input.targets.length;
    return Promise.resolve({
      logprob: new Float32Array(count).fill(-2),
      entropy: new Float32Array(count),
    });
  }

  backward(gradients: ScoreGradients): Promise<void> {
    this.gradients.push(gradients);
    return Promise.resolve();
  }

  step(options: StepOptions) {
    this.steps.push(options);
    return Promise.resolve({ gradNorm: 1 });
  }
}

Deno.test("pretrain() plants a forest of whole sequences and averages over their tokens", async () => {
  const policy = new RecordingPolicy();
  const losses: number[] = [];
  await pretrain(policy, [[1, 2, 3], [4, 5]], {
    steps: 2,
    batch: 2,
    learningRate: 1,
    seed: 1,
    onStep: (_, loss) => losses.push(loss),
  });
  const [input] = policy.inputs;
  const first = input!.tokens[0] === 1;
  assertEquals([...input!.tokens], first ? [1, 2, 3, 4, 5] : [4, 5, 1, 2, 3]);
  assertEquals(
    [...input!.positions],
    first ? [0, 1, 2, 0, 1] : [0, 1, 0, 1, 2],
  );
  assertEquals(
    [...input!.parents],
    first ? [-1, 0, 1, -1, 3] : [-1, 0, -1, 2, 3],
  );
  assertEquals(
    [...input!.visibleUntil],
    first ? [3, 3, 3, 5, 5] : [2, 2, 5, 5, 5],
  );
  assertEquals([...input!.targets], first ? [1, 2, 4] : [1, 3, 4]);
  assertEquals(
    [...policy.gradients[0]!.logprob],
    [...new Float32Array(3).fill(-1 / 3)],
  );
  assertEquals(losses, [2, 2]);
});

Deno.test("pretrain() warms the learning rate up and lets it fall to a twentieth", async () => {
  const policy = new RecordingPolicy();
  await pretrain(policy, [[1, 2]], {
    steps: 150,
    batch: 1,
    learningRate: 2,
    seed: 1,
  });
  const rates = policy.steps.map((step) => step.learningRate);
  assertAlmostEquals(rates[0]!, 2 / 50);
  assertAlmostEquals(rates[49]!, 2);
  assertAlmostEquals(rates[99]!, 2 * 0.525);
  assertAlmostEquals(rates[149]!, 2 * 0.05);
});

Deno.test("pretrain() sees every sequence once before any of them twice", async () => {
  const policy = new RecordingPolicy();
  const sequences = Array.from({ length: 12 }, (_, i) => [i, i]);
  await pretrain(policy, sequences, {
    steps: 8,
    batch: 3,
    learningRate: 1,
    seed: 2,
  });
  const seen = policy.inputs.flatMap((input) => [...input.tokens]);
  const epochs = [seen.slice(0, 24), seen.slice(24)];
  for (const epoch of epochs) assertEquals(new Set(epoch).size, 12);
  assertTrue(epochs[0]!.join() !== epochs[1]!.join());
});
