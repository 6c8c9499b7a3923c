/**
 * What the gateway adds to the latency of a vLLM server: 64 callers stream chat completions through it,
 * and completions straight from the server, in turn. Server, gateway and callers are processes of
 * their own; the server is a stub that speaks vLLM's protocol, a token every 25 ms.
 *
 * The difference of the two rows is the gateway's: its own HTTP, prompts, records, SSE in and out.
 *
 *     deno run -A tests/bench/vllm_gateway.ts [rounds] [seconds per load]
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { openVllm } from "../../src/engine/mod.ts";
import { Gateway } from "../../src/tuner/mod.ts";
import { StubVllm } from "../engine/vllm/_stub_vllm.ts";
import { testModel } from "../tuner/_test_model.ts";

const CALLERS = 64;
const TOKENS = 32;
const TOKEN_MS = 25;
const TURNS = 4;

/** What the callers are told. */
interface Load {
  /** Where each caller sends its requests: one address an episode, used for 4 turns. */
  readonly addresses: readonly { readonly url: string; readonly key: string }[];
  readonly isDirect: boolean;
  readonly seconds: number;
}

/** Milliseconds of each request. */
interface Times {
  /** Until the first token. */
  readonly first: readonly number[];
  /** Until the last one. */
  readonly last: readonly number[];
}

switch (Deno.args[0]) {
  case "stub":
    runStub();
    break;
  case "callers":
    await runCallers(
      JSON.parse(await new Response(Deno.stdin.readable).text()),
    );
    break;
  default:
    await runBench(Number(Deno.args[0] ?? 3), Number(Deno.args[1] ?? 10));
}

function runStub(): void {
  const stub = new StubVllm({
    maxContext: 8192,
    length: () => TOKENS,
    pace: (sampled) =>
      new Promise((go) => setTimeout(go, sampled === 0 ? 0 : TOKEN_MS)),
  });
  console.log(stub.url);
}

async function runBench(rounds: number, seconds: number): Promise<void> {
  await using stub = child("stub");
  const lines = stub.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const url = (await lines.read()).value!.trim();
  await using vllm = await openVllm({ urls: [url] });
  await using gateway = await Gateway.start({
    engine: vllm.engine,
    model: testModel(),
  });
  const direct = { url: `${url}/v1/completions`, key: "" };
  const times = { direct: empty(), gateway: empty() };
  let cpu = 0;
  for (let round = 0; round <= rounds; round++) {
    const episodes = Math.ceil(
      2 * CALLERS * seconds * 1000 / (TOKENS * TOKEN_MS * TURNS),
    ) + CALLERS;
    const sessions = Array.from(
      { length: episodes },
      (_, seed) => gateway.openEpisode({ seed }),
    );
    const addresses = sessions.map(({ baseUrl, apiKey }) => ({
      url: `${baseUrl}/chat/completions`,
      key: apiKey,
    }));
    const loads = {
      direct: { addresses: [direct], isDirect: true, seconds },
      gateway: { addresses, isDirect: false, seconds },
    };
    for (const way of ["direct", "gateway"] as const) {
      const before = cpuUsage();
      const { first, last } = await load(loads[way]);
      const { user, system } = cpuUsage(before);
      // The first round is for the compilers.
      if (round === 0) continue;
      times[way].first.push(...first);
      times[way].last.push(...last);
      if (way === "gateway") cpu += user + system;
    }
    await Promise.all(sessions.map((session) => session.close()));
  }
  console.table({
    "direct": row(times.direct),
    "through the gateway": row(times.gateway),
  });
  const requests = times.gateway.first.length;
  console.log(
    `${Math.round(cpu / requests)} µs of the gateway's CPU time a request`,
  );
  stub.kill("SIGKILL");
  await lines.cancel();
}

function empty(): { first: number[]; last: number[] } {
  return { first: [], last: [] };
}

function row({ first, last }: Times): Record<string, number> {
  return {
    requests: first.length,
    "first p50": quantile(first, 0.5),
    "first p99": quantile(first, 0.99),
    "last p50": quantile(last, 0.5),
    "last p99": quantile(last, 0.99),
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length * share)]! * 10) / 10;
}

function child(role: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.url, role],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

async function load(load: Load): Promise<Times> {
  const callers = child("callers");
  const writer = callers.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(load)));
  await writer.close();
  const { stdout } = await callers.output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function runCallers(load: Load): Promise<void> {
  const end = performance.now() + load.seconds * 1000;
  const times = empty();
  let next = 0;

  async function caller(index: number): Promise<void> {
    // Spread over the time of a stream, as callers are.
    await new Promise((go) =>
      setTimeout(go, index / CALLERS * TOKENS * TOKEN_MS)
    );
    while (performance.now() < end) {
      const { url, key } = load.addresses[next++ % load.addresses.length]!;
      const messages = [{ role: "user", content: "What is 12 times 7?" }];
      for (let turn = 0; turn < TURNS; turn++) {
        const body = load.isDirect
          ? completion(20 + turn * (TOKENS + 10))
          : { model: "policy", messages, stream: true };
        const sent = performance.now();
        const response = await fetch(url, {
          method: "POST",
          headers: {
            "Content-Type": "application/json",
            Authorization: `Bearer ${key}`,
          },
          body: JSON.stringify(body),
        });
        if (!response.ok) throw new Error(await response.text());
        let first: number | undefined;
        let text = "";
        for await (
          const piece of response.body!.pipeThrough(new TextDecoderStream())
        ) {
          first ??= performance.now();
          text += piece;
        }
        times.first.push(first! - sent);
        times.last.push(performance.now() - sent);
        if (!load.isDirect) messages.push(reply(text), messages[0]!);
      }
    }
  }

  await Promise.all(Array.from({ length: CALLERS }, (_, at) => caller(at)));
  console.log(JSON.stringify(times));
  Deno.exit(0);
}

/** A request as the gateway makes it, with a prompt of `length` tokens. */
function completion(length: number): unknown {
  return {
    model: "base",
    prompt: Array.from({ length }, (_, at) => at),
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
    max_tokens: 1000,
    temperature: 1,
    seed: length,
    stop_token_ids: [2],
    ignore_eos: true,
    logprobs: 0,
    return_token_ids: true,
  };
}

function reply(events: string): { role: string; content: string } {
  const pieces = events.split("\n\n").filter((event) =>
    event.startsWith("data: {")
  );
  const content = pieces.map((event) =>
    JSON.parse(event.slice("data: ".length)).choices[0]?.delta.content ?? ""
  ).join("");
  return { role: "assistant", content };
}
