import { join } from "node:path";
import type { Job } from "../../src/backbone/mod.ts";
import type { Config } from "../../src/config/mod.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { type RunEvent, RunStore } from "../../src/monitor/mod.ts";
import { RecordWriter } from "../../src/monitor/records/mod.ts";
import { deriveSeed, type Task, TaskCursor } from "../../src/reader/mod.ts";
import type { Episode, Group } from "../../src/rollout/mod.ts";
import { TokenTree } from "../../src/tracker/mod.ts";
import { Bigram, BigramEngine } from "./_bigram.ts";

/** Tokens 0 to 4 are questions; the right answer to each is the token 5 places on. */
export const VOCAB = 10;
const QUESTIONS = 5;

/** A training run of a `Bigram` that is to learn which token answers which. */
export interface BigramRun extends AsyncDisposable {
  readonly folder: string;
  readonly config: Config;
  readonly events: RunEvent[];
  /** A fresh policy and a job on the run's directory, as a new process would have them. */
  open(options?: Partial<Job>): Promise<BigramProcess>;
}

/** What one process holds of a run. */
export interface BigramProcess extends Disposable {
  readonly policy: Bigram;
  readonly engine: BigramEngine;
  readonly job: Job;
}

/** Opens the records of a run; each token is named by its id. */
export function openRecords(folder: string): Promise<RecordWriter> {
  return RecordWriter.open(folder, {
    tokenText: (id) => ({ bytes: Uint8Array.of(id), special: false }),
  });
}

/** Opens a run in a new folder; `set` are lines as for `--set`. */
export async function bigramRun(
  set: readonly string[] = [],
): Promise<BigramRun> {
  const folder = await Deno.makeTempDir();
  for (const file of ["config.json", "workflow.ts", "tasks.jsonl"]) {
    await Deno.writeTextFile(join(folder, file), "{}");
  }
  const config = await loadConfig({
    set: [
      `model.path=${folder}`,
      `workflow.path=${join(folder, "workflow.ts")}`,
      `tasks.train=${join(folder, "tasks.jsonl")}`,
      "rollout.batch_tasks=3",
      "rollout.group_size=4",
      "train.learning_rate=0.2",
      "checkpoint.every=3",
      ...set,
    ],
  });
  const run = join(folder, "run");
  const events: RunEvent[] = [];
  let opened = false;
  return {
    folder: run,
    config,
    events,
    async open(options = {}) {
      const policy = new Bigram(VOCAB);
      const engine = new BigramEngine(policy);
      const store = opened
        ? await RunStore.reopen(run, "")
        : await RunStore.create(run, "");
      opened = true;
      const tasks = new TaskCursor(questions(), { seed: config.seed });
      const job: Job = {
        config,
        tasks,
        store,
        view: {
          show: (event) => void events.push(event),
          [Symbol.dispose]() {},
        },
        rollout: (tasks, { step, refill }) =>
          play(tasks, { engine, config, step, ...(refill && { refill }) }),
        ...options,
      };
      return {
        policy,
        engine,
        job,
        [Symbol.dispose]: () => store[Symbol.dispose](),
      };
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

function questions(): Task[] {
  return Array.from({ length: QUESTIONS }, (_, token) => ({
    id: `${token}`,
    query: "",
    metadata: { token },
    split: "train",
  }));
}

async function play(
  tasks: readonly Task[],
  options: {
    readonly engine: BigramEngine;
    readonly config: Config;
    readonly step: number;
    readonly refill?: (groups: readonly Group[]) => readonly Task[];
  },
): Promise<Group[]> {
  const groups: Group[] = [];
  let more = tasks;
  while (more.length > 0) {
    for (const task of more) {
      const { group_size } = options.config.rollout;
      const key = `step-${options.step}/${groups.length}`;
      const episodes: Episode[] = [];
      for (let index = 0; index < group_size; index++) {
        const seed = deriveSeed([options.step, groups.length, index]);
        const tree = await ask(task, { ...options, seed });
        episodes.push(episode(`${key}/${index}`, { task, key, index, tree }));
      }
      groups.push({ key, task, episodes });
    }
    more = options.refill?.(groups) ?? [];
  }
  return groups;
}

async function ask(
  task: Task,
  options: { readonly engine: BigramEngine; readonly seed: number },
): Promise<TokenTree> {
  const prompt = [VOCAB - 1, task.metadata.token as number];
  const sampling = {
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: options.seed,
    maxTokens: 1,
    stopTokens: [],
  };
  const generation = await options.engine.generate({
    tokens: prompt,
    sampling,
  });
  const tree = new TokenTree();
  tree.record({
    id: "1",
    agent: "default",
    prompt,
    temperature: 1,
    ...generation,
  });
  return tree;
}

function episode(
  id: string,
  { task, key, index, tree }: {
    readonly task: Task;
    readonly key: string;
    readonly index: number;
    readonly tree: TokenTree;
  },
): Episode {
  const answer = tree.tokens[2]!;
  const success = answer === (task.metadata.token as number) + QUESTIONS;
  return {
    id,
    group: key,
    index,
    task,
    tree,
    reward: Number(success),
    success,
    metadata: {},
    metrics: { answer },
    log: "",
    attempts: 1,
    seconds: 0,
  };
}
