import { writeSync } from "node:fs";
import process from "node:process";
import type { Task } from "../../../src/reader/mod.ts";
import type { Tuner, WorkflowOutput } from "../../../src/runner/mod.ts";
import { OpenAI } from "./client.ts";

console.log("loading prints too");

const hoard: unknown[] = [];

/** Does what its task says; 1 is its reward for anything harmless. */
export default async function misbehave(
  task: Task,
  tuner: Tuner,
): Promise<WorkflowOutput | number> {
  const act = ACTS[task.query];
  if (act === undefined) throw new Error(`No act is called ${task.query}`);
  return (await act(tuner, task)) as WorkflowOutput | number;
}

type Act = (tuner: Tuner, task: Task) => unknown;

const ACTS: Readonly<Record<string, Act>> = {
  behave: () => 1,
  throw: () => {
    throw new RangeError("the dice fell off the table");
  },
  throwText: () => Promise.reject("just text"),
  stray: () => {
    Promise.reject(new Error("nobody awaits me"));
    return sleep(10_000);
  },
  timer: () => {
    setTimeout(() => {
      throw new Error("thrown by a timer");
    });
    return sleep(10_000);
  },
  exit: () => Deno.exit(3),
  processExit: () => {
    try {
      process.exit(4);
    } catch {
      return 1;
    }
  },
  nan: () => NaN,
  infinite: () => ({ reward: Infinity }),
  nothing: () => undefined,
  text: () => "5",
  wrongSuccess: () => ({ reward: 1, success: "yes" }),
  wrongMetric: () => ({ reward: 1, metrics: { turns: NaN } }),
  bigint: () => ({ reward: 1, metadata: { n: 3n } }),
  huge: () => ({ reward: 1, metadata: { text: "x".repeat(17 * 2 ** 20) } }),
  hang: () => new Promise(() => {}),
  obey: (tuner) =>
    new Promise((_, reject) => {
      tuner.signal.onabort = () => {
        console.log(`told: ${tuner.signal.reason.message}`);
        reject(tuner.signal.reason);
      };
    }),
  loop: () => {
    for (;;);
  },
  leak: async () => {
    for (;;) {
      hoard.push(new Array(100_000).fill(Math.random()));
      await sleep(0);
    }
  },
  buffers: async () => {
    for (;;) {
      hoard.push(new Uint8Array(16 * 2 ** 20).fill(1));
      await sleep(1);
    }
  },
  die: () => {
    Deno.kill(Deno.pid, "SIGKILL");
    return sleep(10_000);
  },
  pid: () => ({ reward: 1, metadata: { pid: Deno.pid } }),
  pidThenWait: (_, { metadata }) => {
    console.log(Deno.pid);
    return sleep(Number(metadata.milliseconds)).then(() => 1);
  },
  print: async (_, { id }) => {
    console.log("task %s", id, { deep: { object: 1 } });
    await sleep(1);
    console.error(`error ${id}`);
    process.stdout.write(`process ${id}\n`);
    await Deno.stdout.write(new TextEncoder().encode(`stdout ${id}\n`));
    const writer = Deno.stdout.writable.getWriter();
    await writer.write(new TextEncoder().encode(`stream ${id}\n`));
    setTimeout(() => console.log(`timer ${id}`), 1);
    await sleep(5);
    return 1;
  },
  binary: async () => {
    const noise = Uint8Array.from({ length: 5000 }, (_, at) => at * 7 % 256);
    await Deno.stdout.write(noise);
    writeSync(1, noise);
    writeSync(1, new Uint8Array([0, 10, 10, 123, 34]));
    return 1;
  },
  flood: () => {
    for (let line = 0; line < 20_000; line++) console.log(`line ${line}`);
    return 1;
  },
  call: async (tuner) => {
    const response = await fetch(`${tuner.baseUrl}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${tuner.apiKey}` },
      body: JSON.stringify({ model: tuner.model, messages: [] }),
    });
    const { choices } = await response.json();
    await sleep(30);
    return { reward: choices[0].message.content.length };
  },
  fetch: (_, { metadata }) => fetch(String(metadata.url)).then(() => 1),
  openai: (_, { metadata }) => {
    const baseURL = String(metadata.url);
    const client = new OpenAI({ baseURL, apiKey: "k", maxRetries: 0 });
    return client.models.list();
  },
  read: (_, { metadata }) =>
    Deno.readTextFile(String(metadata.path))
      .then((text) => ({ reward: 1, metadata: { characters: text.length } })),
  run: () => new Deno.Command("ls").output(),
  write: () => Deno.writeTextFile("left_behind.txt", "x"),
  import: () => import("https://esm.sh/" + "left-pad"),
  environment: () => ({
    reward: 1,
    metadata: { all: Deno.env.toObject(), ci: process.env.CI ?? null },
  }),
  missingKey: () => {
    throw new Error("Set the variable ASTUNER_TEST_KEY");
  },
};

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
