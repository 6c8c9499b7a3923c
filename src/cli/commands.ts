import type { Flags } from "./args.ts";
import type { Command } from "./command.ts";
import { OFFLINE_COMMANDS } from "./offline_commands.ts";

const CONFIG_FLAGS: Flags = {
  conf: {
    value: "FILE",
    description: "YAML file; the calculator quickstart where none is given",
  },
  set: {
    value: "KEY=VALUE",
    multiple: true,
    description: "Change a key of the YAML, as in --set train.steps=20",
  },
  seed: { value: "N", description: "Seed of everything random" },
};

const ADAPTER_FLAG: Flags = {
  adapter: { value: "DIR", description: "LoRA adapter over MODEL, as PEFT's" },
};

const JSON_FLAG: Flags = {
  json: { description: "One JSON object a line on standard output" },
};

const DEBUG_FLAGS: Flags = {
  tasks: { value: "N", description: "Tasks to debug (debug.tasks)" },
  episodes: { value: "N", description: "Episodes of each (debug.episodes)" },
  watch: { description: "Debug again at every save of code, tasks or YAML" },
  inspect: {
    optional: "HOST:PORT",
    description: "Let a debugger into the workflow's process; 127.0.0.1:9229",
  },
  "inspect-wait": {
    optional: "HOST:PORT",
    description: "The same, and wait until it is there",
  },
  "inspect-brk": {
    optional: "HOST:PORT",
    description: "The same, and break before the workflow's first line",
  },
};

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  {
    name: "train",
    summary: "Tune the model of an agent",
    description:
      "Runs the agent on its tasks, again and again, and improves the model behind it. Ctrl-C\n" +
      "finishes the step at work, saves it, and says how to go on; a second Ctrl-C stops at once.\n" +
      "With --backbone=debug nothing is trained or saved: a few tasks are run, and everything that\n" +
      "happened in them is shown. Exit code 1 if an episode failed. The model may then be on any\n" +
      "OpenAI-compatible server: --set engine.kind=openai --set engine.url=http://HOST:PORT/v1",
    positionals: [],
    flags: {
      ...CONFIG_FLAGS,
      steps: { value: "N", description: "Training steps (train.steps)" },
      backbone: {
        value: "NAME",
        description: "Who updates the weights (train.backbone)",
      },
      "run-dir": {
        value: "DIR",
        description: "Directory of the run (run_dir)",
      },
      resume: {
        value: "DIR",
        description: "Go on with a run that was stopped or killed",
      },
      ...DEBUG_FLAGS,
      ...JSON_FLAG,
    },
    examples: [
      ["train", "the quickstart: an agent learns to use a calculator"],
      ["train --conf my.yaml --set train.learning_rate=1e-5", "an own agent"],
      ["train --resume runs/my-run", "go on where it stopped"],
      ["train --conf my.yaml --backbone=debug", "see the agent at work"],
      ["train --backbone=debug --watch --tasks 1", "again at every save"],
      ["train --backbone=debug --inspect-wait", "with a debugger"],
    ],
    load: () => import("./train.ts"),
  },
  {
    name: "eval",
    summary: "Measure a model on held-out tasks",
    description:
      "Runs the agent on the held-out tasks and prints the share that it solves, sampled and\n" +
      "greedy. MODEL is a model folder or a name on the Hub, a checkpoint or a run (its latest).",
    positionals: ["MODEL"],
    flags: { ...CONFIG_FLAGS, ...ADAPTER_FLAG, ...JSON_FLAG },
    examples: [
      ["eval", "the quickstart's model before any training"],
      [
        "eval runs/my-run",
        "a run's latest checkpoint, by the run's own config",
      ],
      ["eval ./model --conf my.yaml --set eval.draws=4", "any model folder"],
    ],
    load: () => import("./eval.ts"),
  },
  {
    name: "chat",
    summary: "Talk to a model",
    description:
      "A conversation on the terminal. MODEL is a model folder, a name on the Hub, a checkpoint\n" +
      "or a run; the quickstart's model where none is given. An empty line or Ctrl-D ends it.",
    positionals: ["MODEL"],
    flags: { ...CONFIG_FLAGS, ...ADAPTER_FLAG },
    examples: [
      ["chat runs/my-run", "the latest checkpoint of a run"],
      ["chat ./model --set rollout.temperature=0.2", "cooler"],
    ],
    load: () => import("./chat.ts"),
  },
  {
    name: "serve",
    summary: "Serve a model over the OpenAI protocol",
    description:
      "Serves /v1/chat/completions from the embedded engine until Ctrl-C. MODEL is a model\n" +
      "folder, a name on the Hub, a checkpoint or a run; the quickstart's model where none is given.",
    positionals: ["MODEL"],
    flags: {
      ...CONFIG_FLAGS,
      ...ADAPTER_FLAG,
      port: { value: "N", description: "Port to listen on; 8000 by default" },
    },
    examples: [
      ["serve runs/my-run", "the latest checkpoint of a run, on port 8000"],
      ["serve ./model --port 0", "on a port that is free"],
    ],
    load: () => import("./serve.ts"),
  },
  ...OFFLINE_COMMANDS,
  {
    name: "view",
    summary: "Show runs in a browser",
    description:
      "Opens the dashboard of one run or several, finished or at work, until Ctrl-C: metrics,\n" +
      "episodes, every token, and what goes wrong silently.",
    positionals: ["DIR…"],
    flags: {
      host: {
        value: "NAME",
        description:
          "Address to listen on; other than 127.0.0.1, the URL has a token",
      },
      port: { value: "N", description: "Port to listen on; a free one if 0" },
    },
    examples: [
      ["view runs/my-run", "a run"],
      ["view runs/a runs/b", "two runs side by side"],
    ],
    load: () => import("./view.ts"),
  },
  {
    name: "inspect",
    summary: "Look at a run, a step or an episode on the terminal",
    description:
      "Prints a run's latest step, its worst episodes and what goes wrong silently; with --step\n" +
      "another step, with --episode one episode to the token.",
    positionals: ["DIR"],
    flags: {
      step: { value: "N", description: "A step instead of the latest one" },
      episode: {
        value: "ID",
        description: "An episode, by the number that the lists show",
      },
      worst: {
        value: "N",
        description: "Episodes listed, the lowest rewards first; 5 by default",
      },
      ...JSON_FLAG,
    },
    examples: [
      ["inspect runs/my-run", "the run in short"],
      ["inspect runs/my-run --step 12 --worst 20", "a step"],
      ["inspect runs/my-run --episode 345", "an episode, token by token"],
    ],
    load: () => import("./inspect.ts"),
  },
  {
    name: "compare",
    summary: "Compare the metrics of two runs",
    description:
      "Prints every metric of both runs, as means over their last 10 steps, and the difference.",
    positionals: ["DIR", "DIR"],
    flags: { ...JSON_FLAG },
    examples: [["compare runs/a runs/b", "b against a"]],
    load: () => import("./compare.ts"),
  },
  {
    name: "doctor",
    summary: "Say whether this machine can train, and what is missing",
    description:
      "Looks at the GPU, its driver, limits and features, and at the versions of Deno and V8.\n" +
      "Exit code 2 if training cannot work here, with what to do about it.",
    positionals: [],
    flags: { json: { description: "Print the report as JSON" } },
    examples: [["doctor", "the report"], ["doctor --json", "for a program"]],
    load: () => import("./doctor.ts"),
  },
  {
    name: "plan",
    summary: "Say what memory a run would take, and whether there is enough",
    description:
      "Counts the GPU's memory by item, and the system's, from the model's config.json alone. Exit code 2\n" +
      "if it cannot be held, with what to change. MODEL is a model folder, a name on the Hub, a\n" +
      "checkpoint or a run; the config's model where none is given.",
    positionals: ["MODEL"],
    flags: {
      ...CONFIG_FLAGS,
      ...ADAPTER_FLAG,
      for: {
        value: "COMMAND",
        description: "train (default), sft, update, serve or score",
      },
      ...JSON_FLAG,
    },
    examples: [
      ["plan --conf my.yaml", "a training run"],
      [
        "plan Qwen/Qwen2.5-0.5B-Instruct --set train.method=lora --set model.dtype=bf16",
        "a model on the Hub",
      ],
    ],
    load: () => import("./plan.ts"),
  },
  {
    name: "config",
    summary: "Print the config: its schema, its defaults, or a file resolved",
    description:
      "Without flags, every key with its default and what it means, as YAML to start from. With\n" +
      "--conf or --set, the config that train would run.",
    positionals: [],
    flags: {
      schema: { description: "Print the JSON Schema of the YAML" },
      "workflow-schema": {
        description:
          "Print the JSON Schemas of programs, services and open sessions as workflows",
      },
      ...CONFIG_FLAGS,
    },
    examples: [
      ["config > my.yaml", "a file to start from"],
      ["config --schema > astuner.schema.json", "for an editor"],
      [
        "config --conf my.yaml --set train.steps=5",
        "the config as it would run",
      ],
    ],
    load: () => import("./config.ts"),
  },
  {
    name: "test",
    summary: "Run the program's own tests",
    description:
      "Checks format, lint, types and docs, then runs every test, in a checkout of the program.\n" +
      "FILTER is a file or folder of tests; the checks are then left out.",
    positionals: ["FILTER"],
    flags: {},
    examples: [["test", "everything"], ["test tests/config", "one room"]],
    load: () => import("./run_tests.ts"),
  },
];
