import type {
  Engine,
  GenerateRequest,
  Generation,
} from "../../../src/engine/mod.ts";
import { openVllm, type Vllm } from "../../../src/engine/mod.ts";
import { type EpisodeSession, Gateway } from "../../../src/tuner/mod.ts";
import { assertEquals, assertTrue } from "../../assert.ts";
import { seeded } from "../../tracker/_random.ts";
import { testModel } from "../../tuner/_test_model.ts";
import { type Fault, FaultProxy, FAULTS } from "./_fault_proxy.ts";
import { stubLogprobs } from "./_stub_policy.ts";
import { StubVllm } from "./_stub_vllm.ts";

const TRIALS = 200;
/** Trials that go on at the same time. */
const LANES = 8;
/** Share of the requests with which something goes wrong. */
const FAULT_RATE = 0.25;
const EPISODES = 3;
const TURNS = 3;

/** What an engine was asked, and what it said. */
interface Exchange {
  readonly request: GenerateRequest;
  readonly generation: Generation;
}

/** The engine, and all that it says. */
function recorded(engine: Engine, exchanges: Exchange[]): Engine {
  return {
    get info() {
      return engine.info;
    },
    async generate(request) {
      const generation = await engine.generate(request);
      exchanges.push({ request, generation });
      return generation;
    },
    score: (sequences) => engine.score(sequences),
    health: () => engine.health(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function open(
  proxy: FaultProxy,
  weights: "lora" | "full" | undefined,
): Promise<Vllm> {
  return openVllm({
    urls: [proxy.url],
    ...(weights && { weights }),
    idleSeconds: 0.1,
    backoffSeconds: 0.002,
    patienceSeconds: 20,
    observeSeconds: 0,
  });
}

/** An agent of a few turns; what fails is sent again, as OpenAI's clients do. */
async function play(session: EpisodeSession): Promise<void> {
  const messages = [{ role: "user", content: "Hello" }];
  for (let turn = 0; turn < TURNS; turn++) {
    for (let tries = 0;; tries++) {
      const response = await fetch(`${session.baseUrl}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${session.apiKey}` },
        body: JSON.stringify({
          model: session.model,
          messages,
          max_tokens: 12,
        }),
      });
      const answer = await response.json();
      if (response.ok) {
        messages.push(answer.choices[0].message);
        messages.push({ role: "user", content: `Turn ${turn}` });
        break;
      }
      assertTrue(tries < 20, JSON.stringify(answer));
    }
  }
}

/** Plays episodes while things go wrong, and new weights are published; fails if anything is learnt wrong. */
async function runTrial(
  seed: number,
  happened: Map<Fault, number>,
): Promise<void> {
  const random = seeded(seed);
  const whole = (below: number) => Math.floor(random() * below);
  const weights = (["lora", "full", undefined] as const)[seed % 3];
  let armed = false;
  await using stub = new StubVllm({ pace: () => Promise.resolve() });
  await using proxy = new FaultProxy(stub, {
    next: () =>
      armed && random() < FAULT_RATE ? FAULTS[whole(FAULTS.length)] : undefined,
    cut: () => whole(2500),
  });
  await using vllm = await open(proxy, weights);
  const exchanges: Exchange[] = [];
  await using gateway = await Gateway.start({
    engine: recorded(vllm.engine, exchanges),
    model: testModel(),
  });
  const sessions = Array.from(
    { length: EPISODES },
    (_, at) => gateway.openEpisode({ seed: seed * EPISODES + at }),
  );
  armed = true;
  const playing = Promise.all(sessions.map(play));
  await vllm.weights?.publish("/run/1", 1);
  await playing;
  armed = false;

  for (const { request, generation } of exchanges) {
    const { tokens, logprobs, policyVersion, invalid } = generation;
    if (invalid !== undefined) continue;
    const served = policyVersion === 0 ? stub.model : "/run/1";
    const truth = stubLogprobs(served, [...request.tokens, ...tokens]);
    assertEquals(logprobs, truth.slice(request.tokens.length), `seed ${seed}`);
  }
  const valid = exchanges.filter(({ generation }) =>
    generation.invalid === undefined
  );
  const trained = sessions.flatMap(({ tree }) => tree.calls)
    .filter(({ untrainable }) => untrainable === undefined);
  assertEquals(trained.length, valid.length, `seed ${seed}`);
  for (const [fault, times] of proxy.happened) {
    happened.set(fault, (happened.get(fault) ?? 0) + times);
  }
}

Deno.test("VllmEngine comes through 200 runs in which requests fail in every way, and nothing is learnt wrong", async () => {
  const happened = new Map<Fault, number>();
  let next = 1;
  async function runLane(): Promise<void> {
    while (next <= TRIALS) await runTrial(next++, happened);
  }
  await Promise.all(Array.from({ length: LANES }, runLane));
  for (const fault of FAULTS) {
    assertTrue((happened.get(fault) ?? 0) >= 20, `${fault} was too seldom`);
  }
});
