import { DataError } from "../errors.ts";
import { TokenTree } from "../tracker/mod.ts";
import type { TrainEpisode, TrainGroup } from "../trainer/mod.ts";
import { tokenIds } from "./_token_ids.ts";
import type { JsonLine } from "./read_json_lines.ts";

/** Options of {@linkcode readRollouts}. */
export interface ReadRolloutsOptions {
  /** Token ids are below it. */
  readonly vocabSize: number;
  /** Sampling temperature of lines that name none. @default 1 */
  readonly temperature?: number;
}

/** Recorded episodes. */
export interface Rollouts {
  /** In the order in which each group first appears. */
  readonly groups: readonly TrainGroup[];
  /** Episodes read. */
  readonly episodes: number;
}

/**
 * Reads recorded episodes, a line each:
 * `{"group": …, "tokens": […], "mask": […], "logprobs": […], "reward": …}`.
 *
 * `mask` is 1 where the policy sampled the token; `logprobs` holds one number for every token (those
 * where the mask is 0 are ignored) or for every sampled one. A reward of null is a failed episode.
 * Episodes of one `group` are compared with one another. `temperature` may stand beside them, and `agent`, the name of
 * who sampled, where agents have adapters of their own.
 *
 * @throws {DataError} If a line is malformed, or there is none.
 */
export async function readRollouts(
  lines: AsyncIterable<JsonLine>,
  { vocabSize, temperature = 1 }: ReadRolloutsOptions,
): Promise<Rollouts> {
  const groups = new Map<unknown, TrainEpisode[]>();
  let episodes = 0;
  for await (const line of lines) {
    const key = groupKey(line);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push({
      id: line.where,
      tree: treeOf(line, { vocabSize, temperature }),
      reward: rewardOf(line),
    });
    episodes++;
  }
  if (episodes === 0) {
    throw new DataError("There are no rollouts: the input is empty");
  }
  return {
    groups: Array.from(groups.values(), (episodes) => ({ episodes })),
    episodes,
  };
}

function groupKey({ fields: { group }, where }: JsonLine): string {
  if (typeof group === "string" || typeof group === "number") {
    return JSON.stringify(group);
  }
  throw new DataError(
    `${where}: group must be a text or a number, got ${JSON.stringify(group)}`,
  );
}

function rewardOf({ fields: { reward }, where }: JsonLine): number {
  if (reward === null) return NaN;
  if (typeof reward === "number" && Number.isFinite(reward)) return reward;
  throw new DataError(
    `${where}: reward must be a finite number, or null for a failed episode, got ${
      typeof reward === "number" ? reward : JSON.stringify(reward)
    }`,
  );
}

/** The episode's calls: one for each stretch of sampled tokens, after all that stands before it. */
function treeOf(
  line: JsonLine,
  options: Required<ReadRolloutsOptions>,
): TokenTree {
  const { fields, where } = line;
  const tokens = tokenIds(line, options.vocabSize);
  const mask = maskOf(line, tokens.length);
  const logprobs = logprobsOf(line, mask);
  const temperature = temperatureOf(line, options.temperature);
  const agent = agentOf(line);
  const tree = new TokenTree();
  for (let from = mask.indexOf(1); from >= 0;) {
    const after = mask.indexOf(0, from);
    const to = after < 0 ? tokens.length : after;
    const { untrainable } = tree.record({
      id: `${from}`,
      agent,
      prompt: tokens.slice(0, from),
      tokens: tokens.slice(from, to),
      logprobs: logprobs.slice(from, to),
      temperature,
      finishReason: "stop",
      policyVersion: 0,
    });
    if (untrainable !== undefined && fields.reward !== null) {
      throw new DataError(
        `${where}: the tokens sampled from ${from} on cannot be trained on: ${untrainable}`,
      );
    }
    from = mask.indexOf(1, to);
  }
  return tree;
}

function agentOf({ fields: { agent = "default" }, where }: JsonLine): string {
  if (typeof agent === "string") return agent;
  throw new DataError(
    `${where}: agent must be a name, got ${JSON.stringify(agent)}`,
  );
}

function maskOf({ fields: { mask }, where }: JsonLine, length: number) {
  const isMask = Array.isArray(mask) && mask.length === length &&
    mask.every((value) =>
      value === 0 || value === 1 || typeof value === "boolean"
    );
  if (!isMask) {
    throw new DataError(
      `${where}: mask must hold a 0 or a 1 for each of the ${length} tokens`,
    );
  }
  if (mask[0]) {
    throw new DataError(
      `${where}: mask[0] must be 0: nothing precedes the first token, so it was not sampled`,
    );
  }
  return mask.map(Number);
}

/** A logprob for every token; NaN where it was not sampled. */
function logprobsOf(
  { fields: { logprobs }, where }: JsonLine,
  mask: readonly number[],
): readonly number[] {
  const sampled = mask.reduce((sum, value) => sum + value, 0);
  const given: readonly unknown[] = Array.isArray(logprobs) ? logprobs : [];
  const whole = given.length === mask.length;
  if (!Array.isArray(logprobs) || (!whole && given.length !== sampled)) {
    throw new DataError(
      `${where}: logprobs must hold a number for each of the ${mask.length} tokens, ` +
        `or of the ${sampled} sampled ones`,
    );
  }
  let next = 0;
  return mask.map((is, at) => {
    if (!is) return NaN;
    const value = whole ? given[at] : given[next++];
    return typeof value === "number" ? value : NaN;
  });
}

function temperatureOf(
  { fields: { temperature }, where }: JsonLine,
  fallback: number,
): number {
  if (temperature === undefined) return fallback;
  if (typeof temperature === "number" && temperature > 0) return temperature;
  throw new DataError(
    `${where}: temperature must be a positive number, got ${
      JSON.stringify(temperature)
    }`,
  );
}
