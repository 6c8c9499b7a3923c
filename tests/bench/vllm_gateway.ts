/**
 * What the gateway adds to the latency of a vLLM server: 64 callers stream chat completions through
 * it, and completions straight from the server, in turn; and, as the floor of what a proxy in Deno
 * can do, completions through a relay that copies bytes. Server, relay, gateway and callers are
 * processes of their own; the server is a stub that speaks vLLM's protocol.
 *
 * Its streams are paced as a real server's: a token every 25 ms, each stream at its own moments
 * ("spread"), or all at the same ones, as a batch has them ("in step"). "first" is the time to the
 * first token, "token" the delay of each later one behind the server's schedule, "last" that of the
 * answer's last byte; what the gateway adds is its row less the direct one. The first two streams of
 * each caller do not count: what has stood still is slow at first. "flat out" has no pace: its times
 * are those of a queue, and only tokens a second and CPU time mean anything.
 *
 * CPU time is shown of everyone, all threads: where it adds up to the machine, the times are a
 * queue's again. The gateway's is split over requests and tokens by replies of two tokens that take
 * as long.
 *
 *     deno run -A tests/bench/vllm_gateway.ts [rounds] [seconds per load; half of it for the last two]
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { openVllm } from "../../src/engine/mod.ts";
import { Gateway } from "../../src/tuner/mod.ts";
import { type Json, StubVllm } from "../engine/vllm/_stub_vllm.ts";
import { testModel } from "../tuner/_test_model.ts";
import { answerLines, Child } from "./_child.ts";
import {
  type Answers,
  type CallerLoad,
  type Pace,
  runCallers,
} from "./_streaming_callers.ts";

const CALLERS = 64;
const TURNS = 4;
const WAYS = ["direct", "relay", "gateway"] as const;
const PACES = {
  "spread": { tokens: 32, tokenMs: 25, inStep: false },
  "in step": { tokens: 32, tokenMs: 25, inStep: true },
  "flat out": { tokens: 32, tokenMs: 0, inStep: false },
  "two tokens": { tokens: 2, tokenMs: 775, inStep: false },
} as const satisfies Record<string, Pace>;

type Way = typeof WAYS[number];
type PaceName = keyof typeof PACES;

/** One way at one pace, over all rounds. */
interface Measured extends Answers {
  seconds: number;
  /** Milliseconds of CPU time, of each process. */
  readonly cpu: { callers: number; between: number; stub: number };
}

switch (Deno.args[0]) {
  case "stub":
    await runStub();
    break;
  case "relay":
    await runRelay(Deno.args[1]!);
    break;
  case "callers":
    await answerLines(async (load) => ({
      ...await runCallers(JSON.parse(load)),
      cpu: cpuMs(),
    }));
    break;
  default:
    await runBench(Number(Deno.args[0] ?? 3), Number(Deno.args[1] ?? 6));
}

async function runBench(rounds: number, longest: number): Promise<void> {
  await using stub = new Child(import.meta.url, "stub");
  const url: string = await stub.next();
  await using relay = new Child(import.meta.url, "relay", url);
  const relayUrl: string = await relay.next();
  await using callers = new Child(import.meta.url, "callers");
  await using vllm = await openVllm({ urls: [url] });
  await using gateway = await Gateway.start({
    engine: vllm.engine,
    model: testModel(),
  });

  async function measure(way: Way, name: PaceName): Promise<Measured> {
    const pace = PACES[name];
    const seconds = name === "spread" || name === "in step"
      ? longest
      : longest / 2;
    const most = name === "flat out"
      ? 500 * seconds
      : CALLERS * (1 + 1000 * seconds / (pace.tokens * pace.tokenMs));
    const sessions = Array.from(
      { length: way === "gateway" ? Math.ceil(most / TURNS) + CALLERS : 0 },
      (_, seed) => gateway.openEpisode({ seed }),
    );
    const addresses = sessions.map(({ baseUrl, apiKey }) => ({
      url: `${baseUrl}/chat/completions`,
      key: apiKey,
    }));
    const server = way === "relay" ? relayUrl : url;
    const direct = [{ url: `${server}/v1/completions`, key: "" }];
    const load: CallerLoad = {
      addresses: way === "gateway" ? addresses : direct,
      isDirect: way !== "gateway",
      callers: CALLERS,
      turns: TURNS,
      seconds,
      pace,
    };
    const between = async () =>
      way === "relay" ? (await relay.ask({})).cpu : cpuMs();
    const before = [(await stub.ask(pace)).cpu, await between()];
    const start = performance.now();
    const { cpu, ...times } = await callers.ask(load);
    const spent = (performance.now() - start) / 1000;
    const after = [(await stub.ask(pace)).cpu, await between()];
    await Promise.all(sessions.map((session) => session.close()));
    const [stubMs, betweenMs] = after.map((ms, at) => ms - before[at]!);
    const callersMs = cpu - callersCpu;
    callersCpu = cpu;
    return {
      ...times,
      seconds: spent,
      cpu: { callers: callersMs, between: betweenMs!, stub: stubMs! },
    };
  }

  let callersCpu = 0;
  const results = new Map<string, Measured>();
  for (let round = 0; round <= rounds; round++) {
    for (const name of Object.keys(PACES) as PaceName[]) {
      for (const way of WAYS) {
        if (name === "two tokens" && way !== "gateway") continue;
        const measured = await measure(way, name);
        const key = `${name}, ${way}`;
        // The first round is for the compilers.
        if (round > 0) results.set(key, joined(results.get(key), measured));
      }
    }
  }
  console.table(
    Object.fromEntries([...results].map(([key, it]) => [key, row(key, it)])),
  );
  const perRequest = cpuOf(results.get("two tokens, gateway")!);
  const perToken = (cpuOf(results.get("spread, gateway")!) - perRequest) /
    (PACES.spread.tokens - PACES["two tokens"].tokens);
  console.log(
    `The gateway's CPU time: ${
      perRequest.toFixed(2)
    } ms a request of two tokens, ` +
      `and ${Math.round(1000 * perToken)} µs a token after that`,
  );
}

function row(key: string, measured: Measured): Record<string, number> {
  const { requests, first, token, last, seconds, cpu } = measured;
  const isPaced = !key.startsWith("flat out");
  const { tokens } = PACES[key.split(",")[0] as PaceName];
  const share = (ms: number) => Math.round(ms / seconds / 10);
  const times = {
    "first p50": quantile(first, 0.5),
    "first p99": quantile(first, 0.99),
    "token p50": quantile(token, 0.5),
    "token p99": quantile(token, 0.99),
    "last p50": quantile(last, 0.5),
    "last p99": quantile(last, 0.99),
  };
  return {
    requests,
    "tokens/s": Math.round(requests * tokens / seconds),
    ...(isPaced && times),
    "callers %": share(cpu.callers),
    "between %": key.endsWith("direct") ? 0 : share(cpu.between),
    "stub %": share(cpu.stub),
    "CPU ms/request": key.endsWith("direct")
      ? 0
      : Math.round(100 * cpuOf(measured)) / 100,
  };
}

function cpuOf({ cpu, requests }: Measured): number {
  return cpu.between / requests;
}

function joined(a: Measured | undefined, b: Measured): Measured {
  if (a === undefined) return b;
  return {
    requests: a.requests + b.requests,
    first: [...a.first, ...b.first],
    token: [...a.token, ...b.token],
    last: [...a.last, ...b.last],
    seconds: a.seconds + b.seconds,
    cpu: {
      callers: a.cpu.callers + b.cpu.callers,
      between: a.cpu.between + b.cpu.between,
      stub: a.cpu.stub + b.cpu.stub,
    },
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(10 * (sorted[Math.floor(sorted.length * share)] ?? 0)) / 10;
}

function cpuMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** A server whose pace is told line by line. */
async function runStub(): Promise<void> {
  let pace: Pace = PACES.spread;
  const stub = new StubVllm({
    maxContext: 8192,
    length: () => {
      // The stub keeps requests for tests to look at.
      stub.requests.length = 0;
      return pace.tokens;
    },
    pace: (sampled, begun) => until(dueAt(sampled, begun, pace)),
    // Ids of one character each, so that every token has a text at once.
    spoil: (event: Json) => {
      const ids: number[] | undefined = event.choices[0]?.token_ids;
      ids?.forEach((id, at) => {
        if (event.choices[0].finish_reason === null) ids[at] = id % 94;
      });
      return event;
    },
  });
  console.log(JSON.stringify(stub.url));
  await answerLines((line) => {
    pace = JSON.parse(line);
    return { cpu: cpuMs() };
  });
}

/** When a token is due; the first one at once, in step or not. */
function dueAt(
  sampled: number,
  begun: number,
  { tokenMs, inStep }: Pace,
): number {
  if (sampled === 0 || !inStep) return begun + sampled * tokenMs;
  const { timeOrigin } = performance;
  const step = Math.ceil((begun + timeOrigin) / tokenMs) + sampled - 1;
  return step * tokenMs - timeOrigin;
}

function until(due: number): Promise<void> {
  const wait = due - performance.now();
  return wait <= 0
    ? Promise.resolve()
    : new Promise((go) => setTimeout(go, Math.ceil(wait)));
}

/** A proxy that does nothing. */
async function runRelay(url: string): Promise<void> {
  const { addr } = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const answer = await fetch(`${url}${pathname}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: await request.text(),
        signal: request.signal,
      });
      return new Response(answer.body, { headers: answer.headers });
    },
  );
  console.log(JSON.stringify(`http://127.0.0.1:${addr.port}`));
  await answerLines(() => ({ cpu: cpuMs() }));
}
