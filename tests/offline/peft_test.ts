import { fileURLToPath } from "node:url";
import { loadServeConfig } from "../../src/config/mod.ts";
import { score, updateFromRollouts } from "../../src/launcher/mod.ts";
import type { JsonLine } from "../../src/offline/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { MODELS, UPDATE, withGolden } from "./_golden.ts";

/** A Python that has peft (0.21.2 was tried); undefined where there is none. */
const PYTHON = ["python3", Deno.env.get("ASTUNER_PYTHON") ?? ""].find(
  (python) => {
    try {
      const code = "import sys, importlib.util as util; " +
        "sys.exit(not all(map(util.find_spec, ['peft', 'torch', 'transformers'])))";
      return python !== "" &&
        new Deno.Command(python, { args: ["-c", code] }).outputSync().success;
    } catch {
      return false;
    }
  },
);
const SCRIPT = fileURLToPath(new URL("peft_scores.py", import.meta.url));

/** Adapters that are trained here, over models of `peft.json`. */
const CASES: readonly (readonly [model: string, modules: string])[] = [
  ["qwen3", "null"],
  ["qwen3, tied, with its table and every norm", "[lm_head]"],
  ["qwen3, tied, with its table and every norm", "[embed_tokens,norm]"],
  [
    "qwen2, biased, with embedding, head and some norms",
    "[embed_tokens,lm_head,model.norm,post_attention_layernorm]",
  ],
  ["llama, tied, with an embedding apart from its head", "[model.norm]"],
];

async function* linesOf(rows: readonly object[]): AsyncGenerator<JsonLine> {
  for (const [at, row] of rows.entries()) {
    yield { fields: { ...row }, where: `rows:${at + 1}` };
  }
}

/** What `peft_scores.py` says of `sequences`. */
async function peftScores(
  folders: readonly string[],
  sequences: readonly (readonly number[])[],
): Promise<number[][]> {
  const child = new Deno.Command(PYTHON!, {
    args: [SCRIPT, ...folders],
    env: { HF_HUB_OFFLINE: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(JSON.stringify(sequences)));
  await input.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

for (const [name, modules] of CASES) {
  Deno.test({
    name:
      `peft loads what is trained over a ${name}, modules_to_save ${modules}, and scores as score() does`,
    ignore: PYTHON === undefined,
    fn: () => {
      const golden = MODELS.find((model) => model.name === name)!;
      return withGolden(golden, async ({ model, out }) => {
        const config = await loadServeConfig({
          set: [
            `model.path=${model}`,
            "train.method=lora",
            "train.lora.rank=3",
            "train.lora.targets=[v_proj,down_proj]",
            `train.lora.modules_to_save=${modules}`,
            "train.learning_rate=0.02",
          ],
        });
        const lines = linesOf(UPDATE.rollouts);
        await Array.fromAsync(
          updateFromRollouts(config, { lines, out, steps: 3 }),
        );
        const rows = golden.sequences.map((tokens) => ({ tokens }));
        const scored = await loadServeConfig({
          set: [`model.path=${model}`, `model.adapter=${out}`],
        });
        const ours = (await Array.fromAsync(score(scored, linesOf(rows))))
          .map((row) => row.slice(1) as number[]);
        const theirs = await peftScores([model, out], golden.sequences);
        const gap = (rows: readonly (readonly number[])[]) =>
          Math.max(
            ...ours.flat().map((x, i) => Math.abs(x - rows.flat()[i]!)),
          );
        assertEquals(ours.flat().length, theirs.flat().length);
        assertTrue(gap(theirs) < 1e-4, `${gap(theirs)}`);
        assertTrue(gap(golden.logprobs) > 1e-2, `${gap(golden.logprobs)}`);
      });
    },
  });
}

Deno.test({
  name:
    "peft loads the adapters of several agents from one folder, and scores by each as score() does",
  ignore: PYTHON === undefined,
  fn: () => {
    const golden = MODELS.find(({ name }) => name === "qwen3")!;
    return withGolden(golden, async ({ model, out }) => {
      const config = await loadServeConfig({
        set: [
          `model.path=${model}`,
          "train.method=lora",
          "train.lora.rank=3",
          "train.lora.agents=[critic]",
          "train.learning_rate=0.02",
        ],
      });
      const rollouts = UPDATE.rollouts.flatMap((row) => [
        row,
        { ...row, agent: "critic", reward: 1 - row.reward },
      ]);
      const lines = linesOf(rollouts);
      await Array.fromAsync(
        updateFromRollouts(config, { lines, out, steps: 3 }),
      );
      const rows = golden.sequences.map((tokens) => ({ tokens }));
      const scoresOf = async (folder: string) => {
        const scored = await loadServeConfig({
          set: [`model.path=${model}`, `model.adapter=${folder}`],
        });
        const scores = await Array.fromAsync(score(scored, linesOf(rows)));
        return scores.flatMap((row) => row.slice(1) as number[]);
      };
      const shared = await scoresOf(out);
      const critic = await scoresOf(`${out}/critic`);
      for (const [ours, ...name] of [[shared], [critic, "critic"]] as const) {
        const theirs =
          (await peftScores([model, out, ...name], golden.sequences))
            .flat();
        assertEquals(theirs.length, ours.length);
        const gap = Math.max(...ours.map((x, i) => Math.abs(x - theirs[i]!)));
        assertTrue(gap < 1e-4, `${gap}`);
      }
      assertTrue(shared.some((x, i) => Math.abs(x - critic[i]!) > 1e-2));
    });
  },
});
