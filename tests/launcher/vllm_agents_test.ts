import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { locateModel, modelOverrides } from "../../src/cli/locate_model.ts";
import {
  type Config,
  loadConfig,
  loadServeConfig,
} from "../../src/config/mod.ts";
import { UserError } from "../../src/errors.ts";
import { evaluate, serve, train } from "../../src/launcher/mod.ts";
import type { StepRecord, View } from "../../src/monitor/mod.ts";
import { RecordReader } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const QUICKSTART = here("../../examples/calculator/calculator.yaml");
const MODEL = here("../../examples/calculator/model");
const SILENT: View = { show() {}, [Symbol.dispose]() {} };

/** A server of vLLM's interface, and what stands before it. */
interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** Ends of the names that completions were asked of, with how many each. */
  readonly asked: Map<string, number>;
  /** Names that are taken for one another from now on. */
  swapped: Readonly<Record<string, string>>;
}

/** Our own server, adapters exchangeable, behind one that counts and misdirects. */
async function startServer(): Promise<TestServer> {
  await using opening = new AsyncDisposableStack();
  const config = await loadServeConfig({
    set: [`model.path=${MODEL}`, "train.method=lora", "train.lora.rank=4"],
  });
  const { url } = opening.use(await serve(config, { port: 0 }));
  const server = {
    asked: new Map<string, number>(),
    swapped: {} as Readonly<Record<string, string>>,
  };
  const front = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const { method } = request;
      const to = new URL(pathname + search, url);
      if (method === "GET") return await fetch(to);
      const text = await request.text();
      const headers = { "content-type": "application/json" };
      if (pathname !== "/v1/completions") {
        return await fetch(to, { method, headers, body: text });
      }
      const body = JSON.parse(text);
      const [, policy, agent = "default"] =
        /^(policy-[^-]+-v\d+)(?:-(.+))?$/.exec(body.model) ?? [];
      if (policy !== undefined) {
        server.asked.set(agent, (server.asked.get(agent) ?? 0) + 1);
        body.model = `${policy}-${server.swapped[agent] ?? agent}`
          .replace("-default", "");
      }
      return await fetch(to, { method, headers, body: JSON.stringify(body) });
    },
  );
  opening.defer(() => front.shutdown());
  const open = opening.move();
  return Object.assign(server, {
    url: `http://127.0.0.1:${front.addr.port}`,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  });
}

/** A run whose solver and critic have adapters of their own, as has a judge that never calls. */
function pairRun(
  run: string,
  { url }: TestServer,
  set: readonly string[] = [],
): Promise<Config> {
  return loadConfig({
    file: QUICKSTART,
    set: [
      "engine.kind=vllm",
      `engine.url=${url}`,
      `workflow.path=${here("../e2e/agents/pair.ts")}`,
      "train.method=lora",
      "train.lora.rank=4",
      "train.lora.agents=[solver, critic, judge]",
      "train.steps=2",
      "train.learning_rate=0.02",
      "rollout.batch_tasks=4",
      "checkpoint.every=1",
      "checkpoint.keep=0",
      "eval.tasks=8",
      "eval.before=false",
      "eval.after=false",
      `run_dir=${run}`,
      ...set,
    ],
  });
}

async function stepsOf(run: string): Promise<StepRecord[]> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl"));
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

/** Tokens that were compared under each agent's own adapter, and whether none of them differed. */
function probesOf({ agents }: StepRecord): Record<string, boolean> {
  const numbers = agents as Readonly<Record<string, number>>;
  return Object.fromEntries(
    ["solver", "critic", "judge"].map((agent) => [
      agent,
      numbers[`${agent}.probeTokens`]! > 0 &&
      numbers[`${agent}.probeGapMax`]! < 1e-3,
    ]),
  );
}

const ALL_SERVED = { solver: true, critic: true, judge: true };

Deno.test("train() has vLLM serve each agent's own adapter, goes on with all of them, and evaluate() has them served too", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = await startServer();
    const run = join(folder, "run");
    await train(await pairRun(run, server), { view: SILENT });
    const steps = await stepsOf(run);
    assertEquals(steps.map(probesOf), [ALL_SERVED, ALL_SERVED]);
    const { probeGapMax, policyVersion } = steps[1]!;
    assertTrue(Number(probeGapMax) < 1e-3, `${probeGapMax}`);
    assertTrue(Number(policyVersion) >= 3, "an adapter had no step");

    using reader = new RecordReader(run);
    const sampled = reader.database.prepare(
      "SELECT DISTINCT agent, adapter FROM calls ORDER BY agent",
    ).all().map(({ agent, adapter }) => `${agent}: ${adapter}`);
    assertEquals(sampled, ["critic: critic", "helper: null", "solver: solver"]);

    const listed = async () => {
      const { data } = await (await fetch(`${server.url}/v1/models`)).json();
      return data.length;
    };
    assertEquals(await listed(), 1, "the adapters were unloaded");
    const served = await Array.fromAsync(Deno.readDir(join(run, "served")));
    assertEquals(served.length, 1);

    // A run that lost its last step goes on with what its checkpoint holds of each agent.
    const last = join(run, "checkpoints", "step-000002");
    await Deno.remove(last, { recursive: true });
    await train(await pairRun(run, server), { view: SILENT, resume: run });
    const again = await stepsOf(run);
    assertEquals(again.map(probesOf), [ALL_SERVED, ALL_SERVED]);
    assertEquals(again[0], steps[0]);

    server.asked.clear();
    const located = modelOverrides(await locateModel(run));
    const set = located.map(({ key, value }) => `${key}=${value}`);
    const measured = await evaluate(await pairRun(run, server, set), {
      view: SILENT,
    });
    const { sampledEpisodes, greedyEpisodes, failures } = measured;
    assertEquals(failures, 0);
    // Each episode calls each agent once.
    const calls = sampledEpisodes + greedyEpisodes;
    assertEquals([...server.asked].sort(), [
      ["critic", calls],
      ["default", calls],
      ["solver", calls],
    ]);
    assertEquals(await listed(), 1);

    await Deno.writeTextFile(
      join(last, "solver", "adapter_config.json"),
      (await Deno.readTextFile(join(last, "solver", "adapter_config.json")))
        .replace(/"lora_alpha": \d+/, '"lora_alpha": 5'),
    );
    await assertRejects(
      async () =>
        await evaluate(await pairRun(run, server, set), { view: SILENT }),
      UserError,
      "the adapters of a run have one shape",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train() stops where a server takes one agent's adapter for another's", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = await startServer();
    server.swapped = { solver: "critic", critic: "solver" };
    await assertRejects(
      async () =>
        await train(await pairRun(join(folder, "run"), server), {
          view: SILENT,
        }),
      UserError,
      /a token's logprob under the adapter of solver differs by .* serves another adapter/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
