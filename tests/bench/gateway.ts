/**
 * How fast the gateway is in front of an engine that answers at once.
 *
 * Two loads, both from 64 callers in a process of their own: a closed loop, where each caller sends as
 * soon as it is answered, measures throughput (its latencies measure the queue); a paced load, where
 * requests come at a fixed rate, measures the time the gateway adds. A bare HTTP server that answers
 * with a constant is measured the same way: the difference is the gateway's own.
 *
 * Each episode makes two calls: a tool call, and the answer to its result.
 *
 *     deno run -A tests/bench/gateway.ts [seconds per load] [requests per second of the paced load]
 *
 * @module
 */
import { cpuUsage } from "node:process";
import type { Engine, Generation } from "../../src/engine/mod.ts";
import { Gateway } from "../../src/tuner/mod.ts";
import { spelled, testModel } from "../tuner/_test_model.ts";

const CALLERS = 64;
const EPISODES = 60_000;
const TOOLS = [{
  type: "function",
  function: {
    name: "calculator",
    description: "Evaluates an expression",
    parameters: {
      type: "object",
      properties: { expression: { type: "string" } },
    },
  },
}];
const CALL =
  '<tool_call>\n{"name": "calculator", "arguments": {"expression": "12*7"}}\n</tool_call>';

/** What the client process is told. */
interface Load {
  readonly addresses: readonly { readonly url: string; readonly key: string }[];
  readonly seconds: number;
  /** Requests a second; 0 for a closed loop. */
  readonly rate: number;
}

/** What it reports. */
interface Latencies {
  /** Requests answered. */
  readonly count: number;
  /** Requests a second. */
  readonly rate: number;
  /** Milliseconds until a request is answered. */
  readonly p50: number;
  readonly p99: number;
}

/** What is shown of a load. */
interface Measured extends Latencies {
  /** Microseconds of this process's CPU time for each request, on all threads. */
  readonly cpu: number;
}

if (Deno.args[0] === "client") await runClient(JSON.parse(await stdin()));
else await runBench(Number(Deno.args[0] ?? 5), Number(Deno.args[1] ?? 500));

async function runBench(seconds: number, rate: number): Promise<void> {
  const bare = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      await request.text();
      return Response.json({
        choices: [{ message: { role: "assistant", content: "12*7 = 84" } }],
      });
    },
  );
  const bareUrl = `http://127.0.0.1:${bare.addr.port}/`;
  await using gateway = await Gateway.start({
    engine: instantEngine(),
    model: testModel(),
  });
  const sessions = Array.from(
    { length: EPISODES },
    (_, seed) => gateway.openEpisode({ seed }),
  );
  // As in a run, an episode is closed when it is done.
  const open = new Set(sessions);
  const sweep = setInterval(() => {
    for (const session of open) {
      if (session.calls === 2 && open.delete(session)) void session.close();
    }
  }, 100);
  const addresses = sessions.map(({ baseUrl, apiKey }) => ({
    url: `${baseUrl}/chat/completions`,
    key: apiKey,
  }));
  const nowhere = [{ url: bareUrl, key: "" }];
  await measure({ addresses: addresses.splice(0, 2000), seconds: 1, rate: 0 }); // warm-up
  const half = addresses.length / 2;
  const table = {
    "closed loop, gateway": await measure({
      addresses: addresses.slice(0, half),
      seconds,
      rate: 0,
    }),
    "closed loop, bare server": await measure({
      addresses: nowhere,
      seconds,
      rate: 0,
    }),
    [`paced at ${rate}/s, gateway`]: await measure({
      addresses: addresses.slice(half),
      seconds,
      rate,
    }),
    [`paced at ${rate}/s, bare server`]: await measure({
      addresses: nowhere,
      seconds,
      rate,
    }),
  };
  console.table(table);
  clearInterval(sweep);
  await bare.shutdown();
}

/** Samples a tool call for each new conversation, and an answer after a tool's result, at once. */
function instantEngine(): Engine {
  const { eosIds } = testModel();
  const replies = [CALL, "12*7 = 84"].map((
    text,
  ) => [...spelled(text), eosIds[0]!]);
  const generations = replies.map((tokens): Generation => ({
    tokens,
    logprobs: tokens.map(() => -0.5),
    finishReason: "stop",
    policyVersion: 0,
  }));
  const lengths = new Set<number>();
  return {
    info: {
      kind: "webgpu",
      model: "instant",
      maxContext: 4096,
      policyVersion: 0,
    },
    generate({ tokens }) {
      if (lengths.size === 0) lengths.add(tokens.length);
      return Promise.resolve(generations[lengths.has(tokens.length) ? 0 : 1]!);
    },
    score: () => Promise.resolve([]),
    health: () => Promise.resolve({ ok: true, running: 0, waiting: 0 }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Runs the client process. */
async function measure(load: Load): Promise<Measured> {
  const client = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.url, "client"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const before = cpuUsage();
  const writer = client.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(load)));
  await writer.close();
  const { stdout } = await client.output();
  const { user, system } = cpuUsage(before);
  const latencies: Latencies = JSON.parse(new TextDecoder().decode(stdout));
  return { ...latencies, cpu: Math.round((user + system) / latencies.count) };
}

async function stdin(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}

async function runClient({ addresses, seconds, rate }: Load): Promise<void> {
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  let next = 0;

  async function caller(index: number): Promise<void> {
    const interval = rate === 0 ? 0 : CALLERS / rate * 1000;
    let due = start + index / CALLERS * interval;
    while (performance.now() < end) {
      const { url, key } = addresses[next++ % addresses.length]!;
      const messages: unknown[] = [
        { role: "system", content: "Solve the problem with the tool." },
        {
          role: "user",
          content: "Ann has 12 bags of 7 apples. How many apples?",
        },
      ];
      for (let turn = 0; turn < 2; turn++) {
        const wait = due - performance.now();
        if (interval > 0 && wait > 0) {
          await new Promise((go) => setTimeout(go, wait));
        }
        const sent = performance.now();
        const response = await fetch(url, {
          method: "POST",
          headers: {
            "Content-Type": "application/json",
            Authorization: `Bearer ${key}`,
          },
          body: JSON.stringify({ model: "policy", messages, tools: TOOLS }),
        });
        const { choices, error } = await response.json();
        latencies.push(performance.now() - sent);
        if (error) throw new Error(error.message);
        const { message } = choices[0];
        const tool_call_id = message.tool_calls?.[0].id ?? "none";
        messages.push(message, { role: "tool", tool_call_id, content: "84" });
        due += interval;
      }
    }
  }
  await Promise.all(
    Array.from({ length: CALLERS }, (_, index) => caller(index)),
  );
  const spent = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  const measured: Latencies = {
    count: latencies.length,
    rate: Math.round(latencies.length / spent),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
  console.log(JSON.stringify(measured));
  Deno.exit(0);
}

function quantile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.floor(sorted.length * share)]! * 100) / 100;
}
