import { algorithmOf } from "./algorithm_of.ts";
import type { Problem } from "./_problem.ts";
import type { Config, ServeConfig } from "./schema.ts";
import { loraSchema } from "./sections/lora.ts";

/** Values that are each allowed, but impossible together. */
export function* impossibleCombinations(
  config: ServeConfig & Partial<Config>,
): Generator<Problem> {
  const { engine, judge, rollout, tasks, train, workflow } = config;
  const [agent, another] = ["path", "command", "url", "open"].filter((key) =>
    workflow?.[key as "path" | "open"]
  );
  if (another !== undefined) {
    yield {
      path: ["workflow", another],
      message: `cannot stand beside workflow.${agent}; keep one of the two`,
    };
  }
  if (judge.path !== null && judge.name !== null) {
    yield {
      path: ["judge", "name"],
      message: "cannot stand beside judge.path; keep one of the two",
    };
  }
  if (tasks && tasks.validation !== null && tasks.validation_ratio > 0) {
    yield {
      path: ["tasks", "validation_ratio"],
      message: "cannot stand beside tasks.validation; keep one of the two",
    };
  }
  if (train.minibatches > rollout.batch_tasks) {
    yield {
      path: ["train", "minibatches"],
      message:
        `must be at most rollout.batch_tasks (${rollout.batch_tasks}), since a group is never split, got ${train.minibatches}`,
    };
  }
  if (engine.max_context !== null && rollout.max_tokens >= engine.max_context) {
    yield {
      path: ["rollout", "max_tokens"],
      message:
        `must be less than engine.max_context (${engine.max_context}), got ${rollout.max_tokens}`,
    };
  }
  if (
    engine.cache_tokens !== null && engine.max_context !== null &&
    engine.cache_tokens < engine.max_context
  ) {
    yield {
      path: ["engine", "cache_tokens"],
      message:
        `must be at least engine.max_context (${engine.max_context}), got ${engine.cache_tokens}`,
    };
  }
  const spawned = engine.kind === "vllm" && engine.spawn.command !== null;
  if (engine.kind !== "webgpu" && engine.url === null && !spawned) {
    yield {
      path: ["engine", "url"],
      message:
        `is missing: engine.kind ${engine.kind} needs the address of a server`,
    };
  }
  if (engine.url !== null && engine.spawn.command !== null) {
    yield {
      path: ["engine", "spawn", "command"],
      message: "cannot stand beside engine.url; keep one of the two",
    };
  }
  if (engine.kind !== "vllm" && engine.spawn.command !== null) {
    yield {
      path: ["engine", "spawn", "command"],
      message: "is for engine.kind: vllm; set that, or leave it out",
    };
  }
  if (engine.kind === "webgpu" && engine.url !== null) {
    yield {
      path: ["engine", "url"],
      message:
        "is for other kinds than webgpu: set engine.kind to vllm, or leave it out",
    };
  }
  if (engine.kind === "openai" && Array.isArray(engine.url)) {
    yield {
      path: ["engine", "url"],
      message: "must be one address where engine.kind is openai, got a list",
    };
  }
  if (engine.kind === "openai" && train.backbone !== "debug") {
    yield {
      path: ["engine", "kind"],
      message:
        "openai gives no token ids, so nothing can be learnt from it: use --backbone=debug, or another kind",
    };
  }
  if (
    engine.kind === "vllm" && train.method === "lora" &&
    train.lora.modules_to_save?.length
  ) {
    yield {
      path: ["train", "lora", "modules_to_save"],
      message:
        "is not served by vLLM, whose adapters are of factors alone: leave it out, or set engine.kind to webgpu",
    };
  }
  if (engine.sleep && rollout.max_staleness > 0) {
    yield {
      path: ["engine", "sleep"],
      message:
        "cannot stand beside rollout.max_staleness, by which rollouts go on during an update; keep one of the two",
    };
  }
  const { from, to } = engine.paths;
  if ((from === null) !== (to === null)) {
    yield {
      path: ["engine", "paths"],
      message: "needs both from and to, or neither",
    };
  }
  const algorithm = algorithmOf(train.algorithm);
  if (rollout.group_size === 1 && algorithm.advantage !== "batch") {
    yield {
      path: ["rollout", "group_size"],
      message:
        `must be at least 2, since ${train.algorithm.name} compares the episodes of a group with one another, got 1`,
    };
  }
  if (train.method !== "lora") {
    for (const key of changedKeys(train.lora, loraSchema.parse({}))) {
      yield {
        path: ["train", "lora", key],
        message: "is for train.method: lora; set that, or leave it out",
      };
    }
  }
  const { kl = "none", klCoefficient = 0 } = algorithm;
  if (kl === "none" && klCoefficient > 0) {
    yield {
      path: ["train", "algorithm", "kl_coefficient"],
      message:
        "weighs a KL term that train.algorithm.kl has not chosen: set it to k1, k2 or k3",
    };
  }
}

/** Keys of a section whose values are others than its defaults. */
function changedKeys<T extends object>(section: T, defaults: T): string[] {
  const values = Object.entries(defaults);
  return values.filter(([key, value]) =>
    JSON.stringify(section[key as keyof T]) !== JSON.stringify(value)
  ).map(([key]) => key);
}
