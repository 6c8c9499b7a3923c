import type { Flags } from "./args.ts";
import type { Command } from "./command.ts";

const MODEL_FLAGS: Flags = {
  model: {
    value: "DIR",
    description:
      "Model folder, a name on the Hub, a checkpoint or a run (needed)",
  },
  adapter: { value: "DIR", description: "LoRA adapter over it, as PEFT's" },
};

const WORK_FLAGS: Flags = {
  "max-nodes": {
    value: "N",
    description: "Most tokens computed together (train.max_nodes)",
  },
  set: {
    value: "KEY=VALUE",
    multiple: true,
    description: "Change a key of the YAML, as in --set model.dtype=bf16",
  },
};

const TRAIN_FLAGS: Flags = {
  method: {
    value: "NAME",
    description: "full trains all weights, lora an adapter (train.method)",
  },
  rank: { value: "N", description: "Of the adapter (train.lora.rank)" },
  alpha: { value: "X", description: "Of the adapter (train.lora.alpha)" },
  lr: { value: "X", description: "Learning rate (train.learning_rate)" },
  "warmup-steps": {
    value: "N",
    description: "Steps of its rise (train.warmup_steps)",
  },
  decay: {
    value: "NAME",
    description: "How it falls: none, linear, cosine (train.decay)",
  },
  "weight-decay": {
    value: "X",
    description: "Of matrices (train.weight_decay)",
  },
  "max-grad-norm": {
    value: "X",
    description:
      "Gradients are scaled down to it; 0 never (train.max_grad_norm)",
  },
  seed: { value: "N", description: "Seed of everything random" },
  conf: { value: "FILE", description: "YAML file with model and train keys" },
  ...WORK_FLAGS,
};

const OUT_FLAG: Flags = {
  out: {
    value: "DIR",
    description: "Folder to write, a model or an adapter (needed)",
  },
};

const DTYPE_FLAG: Flags = {
  dtype: {
    value: "TYPE",
    description: "Number format of whole weights written: F32, F16 or BF16",
  },
};

const REWRITE_FLAGS: Flags = {
  revision: {
    value: "NAME",
    description: "Branch, tag or commit of a model on the Hub; main by default",
  },
  "shard-size": {
    value: "SIZE",
    description: "Most bytes in a file, such as 2GB; 5GB by default",
  },
};

/** Commands that work from files alone, without an agent. */
export const OFFLINE_COMMANDS: readonly Command[] = [
  {
    name: "score",
    summary: "Print the logprobs of token sequences",
    description:
      'For each line {"tokens": [1, 2, 3]} a line {"logprobs": [null, -1.5, -0.2]}: the logprob of each\n' +
      "token given those before it, at temperature 1; null for the first. They come when --max-nodes tokens\n" +
      "have been read, or at the end; of lines before a bad one, too.",
    positionals: [],
    flags: {
      ...MODEL_FLAGS,
      input: { value: "FILE", description: "JSONL; - is standard input" },
      ...WORK_FLAGS,
      json: { description: "Nothing else is ever printed" },
    },
    examples: [
      ["score --model ./model --input tokens.jsonl", "a file"],
      [
        "score --model ./model --adapter ./adapter --input - < tokens.jsonl",
        "a pipe, with an adapter",
      ],
    ],
    load: () => import("./score.ts"),
  },
  {
    name: "sft",
    summary: "Teach a model by example",
    description:
      'Fine-tunes on lines {"messages": […]} or {"prompt": …, "completion": …}. Only what the assistant\n' +
      "says is learnt. With held-out examples the weights that do best on them are kept. Ctrl-C\n" +
      "finishes the step at work and saves.",
    positionals: [],
    flags: {
      ...MODEL_FLAGS,
      data: {
        value: "FILE",
        description: "JSONL; - is standard input (needed)",
      },
      ...OUT_FLAG,
      epochs: {
        value: "N",
        description: "Passes over the examples; 1 by default",
      },
      "batch-size": {
        value: "N",
        description: "Examples of an optimizer step; 16 by default",
      },
      "validation-share": {
        value: "X",
        description: "Share of the examples held out; 0 by default",
      },
      "eval-every": {
        value: "N",
        description: "Steps between validations; a pass by default",
      },
      patience: {
        value: "N",
        description: "End after so many validations without a better one",
      },
      ...TRAIN_FLAGS,
      ...DTYPE_FLAG,
      json: { description: "One JSON object a line on standard output" },
    },
    examples: [
      [
        "sft --model ./model --data chats.jsonl --out ./taught --epochs 3 --lr 1e-5",
        "all weights",
      ],
      [
        "sft --model ./model --data - --out ./adapter --method lora --lr 2e-4 < chats.jsonl",
        "an adapter",
      ],
      [
        "sft --model ./model --data chats.jsonl --out ./taught --epochs 20 --validation-share 0.1 --patience 2",
        "as long as it helps",
      ],
    ],
    load: () => import("./sft.ts"),
  },
  {
    name: "update",
    summary: "Train on recorded rollouts",
    description:
      'Takes training steps on lines {"group": 1, "tokens": […], "mask": […], "logprobs": […], "reward": 1}:\n' +
      "mask is 1 where the policy sampled the token, and logprobs are those at the time. Episodes of a\n" +
      "group are compared with one another. Prints what each step measured as a line of JSON. Ctrl-C\n" +
      "finishes the step at work and saves.",
    positionals: [],
    flags: {
      ...MODEL_FLAGS,
      rollouts: {
        value: "FILE",
        description: "JSONL; - is standard input (needed)",
      },
      ...OUT_FLAG,
      algorithm: {
        value: "NAME",
        description: "grpo and others (train.algorithm.name)",
      },
      steps: {
        value: "N",
        description: "Steps to take; one pass over the groups by default",
      },
      "groups-per-step": {
        value: "N",
        description: "Groups of a step; all by default",
      },
      epochs: {
        value: "N",
        description: "Passes over a step's groups (train.epochs)",
      },
      minibatches: {
        value: "N",
        description: "Optimizer steps in a pass (train.minibatches)",
      },
      "clip-low": {
        value: "X",
        description:
          "The ratio is clipped below 1 − X (train.algorithm.clip_low)",
      },
      "clip-high": {
        value: "X",
        description: "and above 1 + X (train.algorithm.clip_high)",
      },
      temperature: {
        value: "X",
        description: "At which they were sampled (rollout.temperature)",
      },
      ...TRAIN_FLAGS,
      ...DTYPE_FLAG,
      json: { description: "Nothing else is ever printed" },
    },
    examples: [
      ["update --model ./model --rollouts log.jsonl --out ./next", "a step"],
      [
        "update --model ./model --rollouts log.jsonl --out ./next --algorithm dapo --lr 1e-6 --epochs 2",
        "another algorithm",
      ],
      [
        "update --model ./model --rollouts - --out ./adapter --method lora < log.jsonl",
        "an adapter, from a pipe",
      ],
    ],
    load: () => import("./update.ts"),
  },
  {
    name: "export",
    summary: "Merge an adapter into its model",
    description:
      "Writes a model folder whose weights have the adapter in them, for programs that know none. A\n" +
      "checkpoint or a run that holds an adapter can stand in place of model and adapter.",
    positionals: [],
    flags: {
      ...MODEL_FLAGS,
      ...OUT_FLAG,
      dtype: {
        value: "TYPE",
        description: "F32, F16 or BF16; the model's own by default",
      },
      ...REWRITE_FLAGS,
      json: { description: "Print the result as JSON" },
    },
    examples: [
      ["export --model ./model --adapter ./adapter --out ./merged", "a model"],
      ["export --model runs/my-run --out ./merged", "what a run has trained"],
    ],
    load: () => import("./export.ts"),
  },
  {
    name: "convert",
    summary: "Write a model in another number format or in other files",
    description:
      "Writes a model folder anew; config, tokenizer and chat template are copied.",
    positionals: [],
    flags: {
      model: MODEL_FLAGS.model!,
      ...OUT_FLAG,
      dtype: {
        value: "TYPE",
        description: "F32, F16 or BF16; the model's own by default",
      },
      ...REWRITE_FLAGS,
      json: { description: "Print the result as JSON" },
    },
    examples: [
      ["convert --model ./model --out ./half --dtype BF16", "half the size"],
      [
        "convert --model ./model --out ./shards --shard-size 500MB",
        "several files",
      ],
    ],
    load: () => import("./export.ts"),
  },
];
