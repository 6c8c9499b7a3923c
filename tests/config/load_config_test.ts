import { loadConfig, loadServeConfig } from "../../src/config/mod.ts";
import { ConfigError } from "../../src/errors.ts";
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "../assert.ts";
import { runFolder, TestFolder } from "./_files.ts";

/** What `loadConfig` says of `run.yaml` with `extra` in it. */
async function refusal(extra: string, set: string[] = []): Promise<string> {
  using folder = runFolder(extra);
  const file = `${folder.path}/run.yaml`;
  const error = await assertRejects(
    () => loadConfig({ file, set }),
    ConfigError,
  );
  return error.message.replaceAll(`${folder.path}/`, "");
}

Deno.test("loadConfig() fills in defaults and makes paths absolute", async () => {
  using folder = runFolder();
  const config = await loadConfig({ file: `${folder.path}/run.yaml` });
  assertEquals(config.model.path, `${folder.path}/model`);
  assertEquals(config.workflow.allow, { net: [], read: [], env: [] });
  assertEquals(config.train.algorithm.name, "grpo");
  assertEquals(config.rollout.group_size, 8);
});

Deno.test("loadConfig() returns a deeply frozen config", async () => {
  using folder = runFolder();
  const config = await loadConfig({ file: `${folder.path}/run.yaml` });
  assertThrows(
    () => (config.workflow.allow.net as string[]).push("example.com"),
    TypeError,
  );
});

Deno.test("loadConfig() takes a section without keys for an empty one", async () => {
  using folder = runFolder("eval:\n  # tasks: 3\n");
  const config = await loadConfig({ file: `${folder.path}/run.yaml` });
  assertEquals(config.eval.tasks, null);
});

Deno.test("loadConfig() resolves paths of --set against the current folder", async () => {
  using folder = runFolder("judge: { path: ./workflow.ts }");
  const config = await loadConfig({
    file: `${folder.path}/run.yaml`,
    set: ["run_dir=out", "workflow.allow.read=[a]"],
  });
  assertEquals(config.judge.path, `${folder.path}/workflow.ts`);
  assertEquals(config.run_dir, `${Deno.cwd()}/out`);
  assertEquals(config.workflow.allow.read, [`${Deno.cwd()}/a`]);
});

Deno.test("loadConfig() lets flags win over --set, and --set over the file", async () => {
  using folder = runFolder("seed: 3\nname: x");
  const config = await loadConfig({
    file: `${folder.path}/run.yaml`,
    set: ["seed=4", "name=a", "name=b"],
    overrides: [{ key: "seed", value: 5, source: "--seed 5" }],
  });
  assertEquals([config.seed, config.name], [5, "b"]);
});

Deno.test("loadConfig() names the place of an unknown key and the key that was meant", async () => {
  assertEquals(
    await refusal("rollout:\n  group_sise: 4"),
    'run.yaml:5:3: rollout.group_sise is not a known key; did you mean "group_size"?',
  );
});

Deno.test("loadConfig() finds a key that stands in the wrong section", async () => {
  assertMatch(
    await refusal("rollout: { learning_rate: 1 }"),
    'run.yaml:4:12: rollout.learning_rate is not a known key; did you mean "train.learning_rate"?',
  );
});

Deno.test("loadConfig() lists the known keys where none is like the unknown one", async () => {
  assertMatch(
    await refusal("checkpoint: { qqq: 1 }"),
    "known here: every, keep",
  );
});

Deno.test("loadConfig() says what a value must be and what it is", async () => {
  assertEquals(
    (await refusal(`seed: x
rollout: { temperature: hot, group_size: 0, top_p: 1.5 }
train: { steps: 1.5, betas: [0.9, x], algorithm: { name: grop } }
eval: 3
name: a/b`)).split("\n"),
    [
      'run.yaml:4:1: seed must be a number, got "x"',
      'run.yaml:5:12: rollout.temperature must be a number, got "hot"',
      "run.yaml:5:30: rollout.group_size must be at least 1, got 0",
      "run.yaml:5:45: rollout.top_p must be at most 1, got 1.5",
      "run.yaml:6:10: train.steps must be a whole number, got 1.5",
      'run.yaml:6:35: train.betas.1 must be a number, got "x"',
      "run.yaml:6:52: train.algorithm.name must be grpo, drgrpo, dapo, rloo, reinforce++, gspo or " +
      'cispo, got "grop"; did you mean "grpo"?',
      "run.yaml:7:1: eval must be a section of keys, got 3",
      'run.yaml:8:1: name must match /^[\\w.-]+$/, got "a/b"',
    ],
  );
});

Deno.test("loadConfig() names what is missing", async () => {
  using folder = new TestFolder({ "run.yaml": "seed: 1\nworkflow:\n" });
  const error = await assertRejects(
    () => loadConfig({ file: `${folder.path}/run.yaml` }),
    ConfigError,
  );
  for (const key of ["model.path", "workflow.path", "tasks.train"]) {
    assertMatch(error.message, `${key} is missing. `);
  }
  assertMatch(error.message, "run.yaml:2:1: workflow.path");
});

Deno.test("loadConfig() takes one kind of workflow, a program in the file's folder", async () => {
  using folder = runFolder();
  folder.write(
    "run.yaml",
    `model: { path: ./model }
workflow: { command: [python, agent.py] }
tasks: { train: ./train.jsonl }`,
  );
  const file = `${folder.path}/run.yaml`;
  const { workflow } = await loadConfig({ file });
  assertEquals([workflow.path, workflow.command], [null, [
    "python",
    "agent.py",
  ]]);
  assertEquals(workflow.cwd, folder.path);
  const error = await assertRejects(
    () => loadConfig({ file, set: ["workflow.open=true"] }),
    ConfigError,
  );
  assertEquals(
    error.message,
    "--set workflow.open=true: workflow.open cannot stand beside workflow.command; " +
      "keep one of the two",
  );
});

Deno.test("loadConfig() refuses a path that leads nowhere", async () => {
  assertMatch(
    await refusal("judge: { path: ./nobody.ts }"),
    /^run\.yaml:4:10: judge\.path leads nowhere: there is no nobody\.ts$/,
  );
});

Deno.test("loadConfig() names the flag that is wrong", async () => {
  assertEquals(
    await refusal("", ["rollout.group_size=four"]),
    '--set rollout.group_size=four: rollout.group_size must be a number, got "four"',
  );
  assertMatch(
    await refusal("", ["train.step=4"]),
    '--set train.step=4: train.step is not a known key; did you mean "steps"?',
  );
  assertMatch(
    await refusal("", ["steps"]),
    "--set steps: Expected a dotted key",
  );
  assertMatch(await refusal("", ["__proto__.x=1"]), "--set __proto__.x=1: ");
  assertMatch(
    await refusal("", ["seed=[1"]),
    "--set seed=[1: This is not",
  );
});

Deno.test("loadConfig() refuses what is impossible together", async () => {
  for (
    const [extra, message] of [
      [
        "judge: { path: ./workflow.ts, name: contains }",
        "4:31: judge.name cannot",
      ],
      ["train: { minibatches: 17 }", "train.minibatches must be at most"],
      ["rollout: { group_size: 1 }", "rollout.group_size must be at least 2"],
      ["engine: { max_context: 512 }", "rollout.max_tokens must be less than"],
      [
        "engine: { max_context: 600, cache_tokens: 599 }",
        "engine.cache_tokens must be at least",
      ],
      [
        "train: { algorithm: { kl_coefficient: 0.1 } }",
        "train.algorithm.kl_coefficient weighs a KL term",
      ],
      [
        "train: { lora: { agents: [critic] } }",
        "train.lora.agents is for train.method: lora; set that, or leave it out",
      ],
      [
        "train: { lora: { targets: [q_proj], rank: 16, dropout: 0.1 } }",
        /^run.yaml:4:\d+: train.lora.targets is for train.method: lora; .*\nrun.yaml:4:\d+: train.lora.dropout is for [^\n]*$/,
      ],
      [
        "train: { method: lora, lora: { agents: [critic, critic] } }",
        "names an agent twice",
      ],
      [
        "train: { method: lora, lora: { agents: [default] } }",
        "default is the agent without a name",
      ],
    ] as const
  ) {
    assertMatch(await refusal(extra), message);
  }
  assertMatch(
    await refusal("", [
      "tasks.validation=deno.json",
      "tasks.validation_ratio=0.1",
    ]),
    "--set tasks.validation_ratio=0.1: tasks.validation_ratio cannot stand beside",
  );
});

Deno.test("loadConfig() allows single episodes where the batch is the baseline", async () => {
  using folder = runFolder(
    "rollout: { group_size: 1 }\ntrain: { algorithm: { name: reinforce++ } }",
  );
  const config = await loadConfig({ file: `${folder.path}/run.yaml` });
  assertEquals(config.rollout.group_size, 1);
});

Deno.test("loadConfig() refuses a file that is no YAML, or no map", async () => {
  assertMatch(
    await refusal("a: [1"),
    /^run\.yaml:4:6: This is not valid YAML: /,
  );
  assertMatch(
    await refusal("model: 1"),
    "run.yaml:4:1: This is not valid YAML",
  );
  assertMatch(await refusal("name: !!wrong x"), "run.yaml:4:7: ");
  assertMatch(await refusal("name: *nobody"), "Unresolved alias");
  assertMatch(
    await refusal("", ["name=*nobody"]),
    "--set name=*nobody: This is",
  );
  using folder = new TestFolder({ "list.yaml": "- 1", "empty.yaml": "" });
  await assertRejects(
    () => loadConfig({ file: `${folder.path}/list.yaml` }),
    ConfigError,
    "list.yaml:1:1: The file must be a section of keys, got [1]",
  );
  await assertRejects(
    () => loadConfig({ file: `${folder.path}/empty.yaml` }),
    ConfigError,
    "empty.yaml:1:1: model.path is missing",
  );
  await assertRejects(
    () => loadConfig({ file: `${folder.path}/nothing.yaml` }),
    ConfigError,
    "nothing.yaml: There is no such file",
  );
});

Deno.test("loadServeConfig() needs neither workflow nor tasks, but knows every key", async () => {
  using folder = new TestFolder({ "serve.yaml": "model: { path: . }\n" });
  const file = `${folder.path}/serve.yaml`;
  assertEquals((await loadServeConfig({ file })).model.path, folder.path);
  await assertRejects(
    () => loadServeConfig({ file, set: ["tasks.trian=x"] }),
    ConfigError,
    'did you mean "train"?',
  );
});

Deno.test("loadConfig() knows the modules that can be trained whole beside LoRA, and refuses them where vLLM serves", async () => {
  assertEquals(
    await refusal("train:\n  lora:\n    modules_to_save: [embed_token]"),
    'run.yaml:6:23: train.lora.modules_to_save.0 must be embed_tokens, input_layernorm, post_attention_layernorm, q_norm, k_norm, model.norm, lm_head or norm, got "embed_token"; did you mean "embed_tokens"?',
  );
  const modules = "train: { method: lora, lora: { modules_to_save: [norm] } }";
  assertEquals(
    await refusal(modules, [
      "engine.kind=vllm",
      "engine.url=http://localhost:8000",
    ]),
    "run.yaml:4:32: train.lora.modules_to_save is not served by vLLM, whose adapters are of factors alone: leave it out, or set engine.kind to webgpu",
  );
});
