import { stringify } from "../../src/deps/yaml.ts";
import type { StepRecord } from "../../src/monitor/mod.ts";
import {
  type CallScores,
  type FindScores,
  RecordWriter,
  type Retention,
  type TokenText,
} from "../../src/monitor/records/mod.ts";
import type { ChatMessage } from "../../src/model/mod.ts";
import type { Episode, Group } from "../../src/rollout/mod.ts";
import { type Call, TokenTree } from "../../src/tracker/mod.ts";
import { MessageTree } from "../../src/tuner/mod.ts";

const START = 1000;
const END = 1001;
const WORDS = [
  " the",
  " apples",
  " Anna",
  " has",
  " gives",
  " away",
  " buys",
  " more",
  " How",
  " many",
  " does",
  " left",
  " are",
  "calculator",
  "expression",
  " answer",
  "Answer",
  " plan",
  " first",
  " then",
  " subtract",
  " add",
  " so",
  " it",
  " is",
  "user",
  "assistant",
  "system",
  "tool",
  "arguments",
  "name",
  `<img src=x onerror="globalThis.owned = 1">`,
];

/** What the tokens of a generated run stand for: bytes, some words, and two marks. */
export function tokenText(id: number): TokenText {
  const utf8 = new TextEncoder();
  if (id < 256) return { bytes: Uint8Array.of(id), special: false };
  if (id === START) {
    return { bytes: utf8.encode("<|im_start|>"), special: true };
  }
  if (id === END) return { bytes: utf8.encode("<|im_end|>"), special: true };
  return {
    bytes: utf8.encode(WORDS[id - 256] ?? `token${id}`),
    special: false,
  };
}

/** The tokens of a text. */
export function tokensOf(text: string): number[] {
  const ids: number[] = [];
  for (let rest = text; rest !== "";) {
    const word = WORDS.findIndex((word) => rest.startsWith(word));
    const piece = word >= 0
      ? WORDS[word]!
      : String.fromCodePoint(rest.codePointAt(0)!);
    if (word >= 0) ids.push(256 + word);
    else ids.push(...new TextEncoder().encode(piece));
    rest = rest.slice(piece.length);
  }
  return ids;
}

/** How a run is generated. */
export interface GeneratedRunOptions {
  readonly steps: number;
  /** @default {4} */
  readonly groups?: number;
  /** @default {8} */
  readonly groupSize?: number;
  /** Stands in every name and text that a model, an agent, a judge or a task brings. @default {""} */
  readonly hostile?: string;
  /** @default {{}} */
  readonly retention?: Retention;
  /** @default {1} */
  readonly seed?: number;
  /** Whether each agent is trained in an adapter of its own. @default {false} */
  readonly adapters?: boolean;
  /** Sampled tokens that each episode has beside its words. @default {0} */
  readonly padding?: number;
}

/** Numbers from 0 to 1 that follow from a seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Writes the records of a run that learns to solve word problems with two agents and a tool. */
export async function generateRun(
  directory: string,
  options: GeneratedRunOptions,
): Promise<void> {
  const { hostile = "" } = options;
  await Deno.mkdir(directory, { recursive: true });
  await using writer = await RecordWriter.open(directory, {
    tokenText,
    about: {
      model: `tiny-qwen${hostile}`,
      config: stringify({
        name: `generated${hostile}`,
        seed: options.seed ?? 1,
        train: {
          steps: options.steps,
          learning_rate: 0.001 * (options.seed ?? 1),
          lora: { agents: options.adapters ? ["planner", "solver"] : [] },
        },
      }),
    },
    retention: options.retention ?? {},
  });
  await writer.writeEvaluation(evaluation(0, 0.12));
  for (let step = 1; step <= options.steps; step++) {
    await writeStep(writer, step, options);
  }
}

/** Writes one more step of a generated run. */
export async function writeStep(
  writer: RecordWriter,
  step: number,
  options: GeneratedRunOptions,
): Promise<void> {
  const batch = generateGroups(step, options);
  await writer.writeBatch({ step, kind: "train", ...batch });
  await writer.writeStep(generateRecord(step, batch.groups, options));
  if (step % 25 === 0) {
    await writer.writeEvaluation(
      evaluation(step, 0.1 + 0.85 * skillAt(step, options)),
    );
  }
}

/** The groups of a step, and what a trainer would have known of them. */
export function generateGroups(
  step: number,
  options: GeneratedRunOptions,
): { readonly groups: readonly Group[]; readonly findScores: FindScores } {
  const { groups = 4, seed = 1 } = options;
  const random = seeded(seed * 100_003 + step);
  const skill = skillAt(step, options);
  const scores = new Map<string, CallScores>();
  const draw = { step, skill, random, scores };
  return {
    groups: Array.from(
      { length: groups },
      (_, at) => group({ ...draw, key: `step-${step}/${at}`, at }, options),
    ),
    findScores: (episode, call) => scores.get(`${episode} ${call}`),
  };
}

function skillAt(step: number, { steps }: GeneratedRunOptions): number {
  return 1 / (1 + Math.exp(4 - 8 * step / Math.max(steps, 12)));
}

interface Draw {
  readonly key: string;
  readonly step: number;
  readonly at: number;
  readonly skill: number;
  readonly random: () => number;
  readonly scores: Map<string, CallScores>;
}

function group(draw: Draw, options: GeneratedRunOptions): Group {
  const { random, at, key, step } = draw;
  const { groupSize = 8, hostile = "" } = options;
  const [a, b] = [
    20 + Math.floor(random() * 70),
    3 + Math.floor(random() * 17),
  ];
  const task = {
    id: `problem-${step}-${at}${hostile}`,
    query:
      `Anna has ${a} apples and gives ${b} away. How many are left?${hostile}`,
    metadata: { answer: a - b },
    split: "train" as const,
  };
  const episodes = Array.from(
    { length: groupSize },
    (_, index) =>
      episode({ ...draw, task, a, b, index, id: `${key}/${index}` }, options),
  );
  const mean = episodes.reduce((sum, { reward }) => sum + (reward || 0), 0) /
    groupSize;
  for (const { id, tree, reward } of episodes) {
    if (Number.isNaN(reward)) continue;
    for (const call of tree.calls) {
      if (call.untrainable !== undefined) continue;
      draw.scores.set(
        `${id} ${call.id}`,
        score(call.logprobs, reward - mean, random),
      );
    }
  }
  return { key, task, episodes };
}

function score(
  logprobs: Float32Array,
  advantage: number,
  random: () => number,
): CallScores {
  const trainer = logprobs.map((logprob) =>
    Math.min(0, logprob + (random() - 0.5) * (random() < 0.01 ? 0.8 : 0.02))
  );
  const ratio = logprobs.map(() => 1 + (random() - 0.5) * 0.3);
  return {
    advantage: new Float32Array(logprobs.length).fill(advantage),
    trainer,
    reference: trainer.map((logprob) => logprob - random() * 0.1),
    ratio,
    clipped: Int8Array.from(ratio, (value) => value > 1.14 ? 1 : 0),
  };
}

interface EpisodeDraw extends Draw {
  readonly id: string;
  readonly index: number;
  readonly a: number;
  readonly b: number;
  readonly task: Episode["task"];
}

function episode(
  draw: EpisodeDraw,
  options: GeneratedRunOptions,
): Episode {
  const { random, skill, a, b, task, step, id, index } = draw;
  const { hostile = "", padding = 0 } = options;
  const tree = new TokenTree();
  const messages = new MessageTree();
  let calls = 0;
  function say(
    agent: string,
    history: ChatMessage[],
    text: string,
    changes: Partial<Call> & { readonly said?: ChatMessage } = {},
  ) {
    const { said, ...recorded } = changes;
    const prompt = [
      ...history.flatMap(rendered),
      START,
      ...tokensOf("assistant\n"),
    ];
    const tokens = [...tokensOf(text), END];
    const name = `${calls++}`;
    tree.record({
      id: name,
      agent: `${agent}${hostile}`,
      ...(options.adapters && agent !== "critic" &&
        { adapter: `${agent}${hostile}` }),
      prompt,
      tokens,
      logprobs: tokens.map(() => -(random() ** (2 + 4 * skill)) * 4),
      temperature: 1,
      finishReason: "stop",
      policyVersion: step - 1,
      ...recorded,
    });
    const reply: ChatMessage = said ?? { role: "assistant", content: text };
    messages.record(name, { messages: history, reply });
    return reply;
  }

  const user: ChatMessage = {
    role: "user",
    content: task.query,
    ...(hostile !== "" && { name: hostile }),
  };
  const planner: ChatMessage[] = [
    { role: "system", content: " plan first" },
    user,
  ];
  const plan = say(
    "planner",
    planner,
    `The plan is: subtract.\n${hostile}${"so it is ".repeat(padding / 8)}`,
  );
  const solver: ChatMessage[] = [user, { ...plan, role: "user" }];
  const solved = random() < skill;
  const asked: ChatMessage = {
    role: "assistant",
    content: "",
    tool_calls: [{
      id: `call_1${hostile}`,
      type: "function",
      function: {
        name: `calculator${hostile}`,
        arguments: JSON.stringify({ expression: `${a}-${b}` }),
      },
    }],
  };
  say(
    "solver",
    solver,
    `<tool_call>\n{"name": "calculator", "arguments": {"expression": "${a}-${b}"}}\n</tool_call>`,
    { said: asked },
  );
  const tool: ChatMessage = {
    role: "tool",
    content: `${a - b}`,
    tool_call_id: `call_1${hostile}`,
  };
  const history = [...solver, asked, tool];
  const cut = random() < 0.08;
  say(
    "solver",
    random() < 0.15
      ? [
        user,
        { ...plan, role: "user", content: `${plan.content} ` },
        asked,
        tool,
      ]
      : history,
    cut
      ? "Answer: the apples the apples the apples"
      : `Answer: ${solved ? a - b : a + b}`,
    {
      ...(cut && { finishReason: "length" as const }),
      ...(random() < 0.05 &&
        { untrainable: `12 tokens came with 11 logprobs${hostile}` }),
    },
  );
  if (random() < 0.3) {
    say("critic", [...history, {
      role: "user",
      content: "Is it right? Ünïcödé 🍏",
    }], " it is");
  }

  const failed = random() < 0.03;
  return {
    id,
    group: draw.key,
    index,
    task,
    tree,
    messages,
    reward: failed ? NaN : (solved ? 1 : 0) + (cut ? -0.2 : 0),
    success: !failed && solved,
    metadata: failed ? {} : {
      ...(hostile !== "" && { [hostile]: hostile }),
      answer: solved ? a - b : a + b,
      judge: `${
        solved ? "The number is right" : "The number is wrong: added instead"
      }${hostile}`,
    },
    metrics: { [`correct${hostile}`]: Number(solved), format: cut ? 0 : 1 },
    log: `episode ${id}\n${hostile}`,
    ...(failed &&
      {
        error: {
          stage: "workflow",
          message: `TypeError: cannot read properties of undefined${hostile}`,
        },
      }),
    attempts: failed ? 2 : 1,
    seconds: 0.4 + random(),
  };
}

function rendered({ role, content, tool_calls }: ChatMessage): number[] {
  const called = tool_calls?.[0]?.function;
  const text = called
    ? `<tool_call>\n{"name": "calculator", "arguments": ${called.arguments}}\n</tool_call>`
    : String(content);
  return [START, ...tokensOf(`${role}\n${text}`), END, ...tokensOf("\n")];
}

/** What a step of these groups would have measured. */
export function generateRecord(
  step: number,
  groups: readonly Group[],
  options: GeneratedRunOptions,
): StepRecord {
  const { hostile = "" } = options;
  const random = seeded(step);
  const skill = skillAt(step, options);
  const episodes = groups.flatMap(({ episodes }) => episodes);
  const finished = episodes.filter(({ reward }) => !Number.isNaN(reward));
  const wave = Math.sin(step / 7) * 0.02 + (random() - 0.5) * 0.04;
  return {
    step,
    reward: finished.reduce((sum, { reward }) => sum + reward, 0) /
      finished.length,
    success: episodes.filter(({ success }) => success).length / episodes.length,
    episodes: episodes.length,
    failures: episodes.length - finished.length,
    groups: groups.length,
    zeroSpreadGroups:
      groups.filter(({ episodes }) =>
        new Set(episodes.map(({ reward }) => reward)).size < 2
      ).length,
    tokensSeen: episodes.reduce(
      (sum, { tree }) =>
        sum +
        tree.calls.reduce(
          (n, call) => n + call.promptLength + call.sampledLength,
          0,
        ),
      0,
    ),
    tokensComputed: episodes.reduce((sum, { tree }) => sum + tree.size, 0),
    tokensTrained: episodes.reduce(
      (sum, { tree }) =>
        sum + tree.calls.reduce((n, call) => n + call.sampledLength, 0),
      0,
    ),
    tooLongEpisodes: 0,
    optimizerSteps: 1,
    gradNorm: 0.6 + random() * 0.5 * (1 - skill) + wave,
    loss: -0.02 * skill + wave,
    entropy: 1.4 * (1 - 0.8 * skill) + wave,
    kl: 0.002 + 0.05 * skill + Math.abs(wave) / 10,
    ratioMean: 1 + wave / 10,
    clipFractionLow: 0.01 + Math.abs(wave) / 4,
    clipFractionHigh: 0.02 + Math.abs(wave) / 3,
    logprobGapMean: 0.004 + 0.002 * random(),
    logprobGapMax: 0.06 + 0.1 * random(),
    truncatedFraction: 0.001,
    maskedFraction: 0,
    stalenessMean: 0,
    stalenessMax: 0,
    tooStaleTokens: 0,
    learningRate: 0.001 * Math.min(1, step / 5),
    policyVersion: step,
    ...(options.adapters && {
      agents: Object.fromEntries(
        ["planner", "solver"].flatMap((agent, at) =>
          Object.entries({
            loss: wave - 0.01 * at,
            entropy: (1.2 - 0.3 * at) * (1 - 0.8 * skill) + wave,
            gradNorm: 0.5 + 0.2 * at + wave,
            logprobGapMean: 0.004 + 0.001 * at,
          }).map(([name, value]) => [`${agent}${hostile}.${name}`, value])
        ),
      ),
    }),
    workflow: { [`calculator${hostile}`]: 0.4 + 0.5 * skill },
    seconds: {
      rollout: 1.4 + random() * 0.4,
      update: 0.7 + random() * 0.2,
      sync: 0.08,
      total: 2.5 + random() * 0.2,
    },
  };
}

function evaluation(step: number, success: number) {
  return {
    step,
    sampled: success,
    greedy: Math.min(1, success + 0.05),
    tasks: 64,
    sampledEpisodes: 64,
    greedyEpisodes: 64,
    failures: 0,
    seconds: 3.2,
  };
}
