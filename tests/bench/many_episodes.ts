/**
 * 512 episodes at once, 20 calls each, through the gateway before a vLLM server that is a stub in a
 * process of its own. Every record is checked to the token and its logprob, which the stub draws from
 * a hash; memory is shown after each wave of episodes.
 *
 *     deno run -A tests/bench/many_episodes.ts [waves]
 *
 * @module
 */
import { openVllm } from "../../src/engine/mod.ts";
import type { TokenTree } from "../../src/tracker/mod.ts";
import { type EpisodeSession, Gateway } from "../../src/tuner/mod.ts";
import { stubLogprobs } from "../engine/vllm/_stub_policy.ts";
import { StubVllm } from "../engine/vllm/_stub_vllm.ts";
import { testModel } from "../tuner/_test_model.ts";

const EPISODES = 512;
const CALLS = 20;
const TOKENS = 8;

if (Deno.args[0] === "stub") runStub();
else await runBench(Number(Deno.args[0] ?? 3));

function runStub(): void {
  const stub = new StubVllm({
    maxContext: 8192,
    chunk: 4,
    length: () => {
      // The stub keeps requests for tests to look at.
      stub.requests.length = 0;
      return TOKENS;
    },
  });
  console.log(stub.url);
}

async function runBench(waves: number): Promise<void> {
  await using stub = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.url, "stub"],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = stub.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const url = (await lines.read()).value!.trim();
  await using vllm = await openVllm({ urls: [url] });
  await using gateway = await Gateway.start({
    engine: vllm.engine,
    model: testModel(),
  });
  const rows = [];
  for (let wave = 0; wave < waves; wave++) {
    const start = performance.now();
    const trees = await Promise.all(
      Array.from(
        { length: EPISODES },
        (_, at) => episode(gateway.openEpisode({ seed: wave * EPISODES + at })),
      ),
    );
    const seconds = (performance.now() - start) / 1000;
    const calls = trees.reduce((sum, { calls }) => sum + calls.length, 0);
    const wrong = trees.reduce((sum, tree) => sum + wrongCalls(tree), 0);
    const { heapUsed, rss } = Deno.memoryUsage();
    rows.push({
      calls,
      lost: EPISODES * CALLS - calls,
      wrong,
      "calls/s": Math.round(calls / seconds),
      "heap MiB": Math.round(heapUsed / 2 ** 20),
      "RSS MiB": Math.round(rss / 2 ** 20),
    });
  }
  console.table(rows);
  stub.kill("SIGKILL");
  await lines.cancel();
}

async function episode(session: EpisodeSession): Promise<TokenTree> {
  const question = { role: "user", content: "What is 12 times 7?" };
  const messages: unknown[] = [question];
  for (let call = 0; call < CALLS; call++) {
    const response = await fetch(`${session.baseUrl}/chat/completions`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Authorization: `Bearer ${session.apiKey}`,
      },
      body: JSON.stringify({ model: "policy", messages }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(answer));
    messages.push(answer.choices[0].message, question);
  }
  await session.close();
  return session.tree;
}

/** Calls whose tokens are not those that the server sampled, with their logprobs. */
function wrongCalls(tree: TokenTree): number {
  const { tokens, parents } = tree;
  return tree.calls.filter(({ leaf, logprobs, sampledLength, untrainable }) => {
    const path: number[] = [];
    for (let node = leaf; node >= 0; node = parents[node]!) {
      path.push(tokens[node]!);
    }
    const expected = stubLogprobs("base", path.reverse()).slice(-sampledLength);
    return untrainable !== undefined || sampledLength !== TOKENS ||
      expected.some((logprob, at) => Math.fround(logprob) !== logprobs[at]);
  }).length;
}
