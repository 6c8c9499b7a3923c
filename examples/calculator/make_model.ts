/**
 * Makes the quickstart's base model in `model/`, from nothing but a seed: `deno task make-model`.
 *
 * It draws the transcripts, trains the tokenizer, pretrains the weights on the GPU (or on Mesa's
 * software one, in some ten minutes) and writes a Hugging Face folder.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { openWebGpu } from "../../src/engine/mod.ts";
import { parseModelConfig, writeSafetensors } from "../../src/model/mod.ts";
import { designBaseModel } from "./base_model.ts";
import { initialWeights } from "./initial_weights.ts";
import { pretrain } from "./pretrain.ts";
import { Random } from "./random.ts";

const SEED = 1;
const TRANSCRIPTS = 30_000;
const STEPS = 1500;
const FOLDER = new URL("./model/", import.meta.url);

const random = new Random(SEED);
const { corpus, tokenizer, files } = designBaseModel(TRANSCRIPTS, random);
const sequences = corpus.map((text) => tokenizer.encode(text));
const tokens = sequences.reduce((sum, { length }) => sum + length, 0);
console.log(
  `${corpus.length} transcripts of ${(tokens / corpus.length).toFixed(1)} ` +
    `tokens, ${tokenizer.vocabSize} tokens in the vocabulary`,
);

await Deno.mkdir(FOLDER, { recursive: true });
for (const [name, json] of Object.entries(files)) {
  await Deno.writeTextFile(
    new URL(name, FOLDER),
    `${JSON.stringify(json, null, 2)}\n`,
  );
}

const shape = parseModelConfig(files["config.json"]!);
await using gpu = await openWebGpu({
  shape,
  weights: initialWeights(shape, random),
  name: "calculator",
});
const start = performance.now();
await pretrain(gpu.policy, sequences, {
  steps: STEPS,
  batch: 48,
  learningRate: 3e-3,
  seed: SEED,
  onStep(step, loss) {
    if (step % 25 > 0) return;
    const seconds = (performance.now() - start) / 1000;
    const left = seconds / step * (STEPS - step);
    console.log(
      `step ${step}/${STEPS}  loss ${loss.toFixed(4)}  ` +
        `${(step / seconds).toFixed(2)} steps/s  ${left.toFixed(0)} s left`,
    );
  },
});
await writeSafetensors(
  fileURLToPath(new URL("model.safetensors", FOLDER)),
  await gpu.policy.weights(),
);
