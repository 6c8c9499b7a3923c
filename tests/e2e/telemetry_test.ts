import { join } from "node:path";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { runProgram } from "./_program.ts";

/** A span as OTLP/JSON has it. */
interface OtlpSpan {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceId: string;
  readonly name: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: Readonly<Record<string, unknown>>;
  }[];
  /** Code 2 is that of a failure. */
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly events?: readonly { readonly name: string }[];
}

/** A collector of OpenTelemetry's HTTP/JSON protocol on this machine. */
class Collector implements AsyncDisposable {
  readonly spans: OtlpSpan[] = [];
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const body = await request.json();
      for (const { scopeSpans } of body.resourceSpans ?? []) {
        for (const { scope, spans } of scopeSpans) {
          // Deno's own spans of fetch and serve stand under its own name.
          if (scope.name === "astuner") this.spans.push(...spans);
        }
      }
      return Response.json({});
    },
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  named(name: RegExp): OtlpSpan[] {
    return this.spans.filter((span) => name.test(span.name));
  }

  parentOf({ parentSpanId }: OtlpSpan): OtlpSpan | undefined {
    return this.spans.find(({ spanId }) => spanId === parentSpanId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** The value of an attribute, whatever its type. */
function attribute(span: OtlpSpan, key: string): unknown {
  const found = span.attributes.find((attribute) => attribute.key === key);
  return found && Object.values(found.value)[0];
}

/** Has a program send its spans to `collector`. */
function exporting({ url }: Collector): Record<string, string> {
  return {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  };
}

Deno.test("train tells a collector of its steps, episodes and calls, each within the other", async () => {
  const folder = await Deno.makeTempDir();
  await using collector = new Collector();
  try {
    const { code, stderr } = await runProgram([
      ...["train", "--steps", "1", "--set", "monitor.dashboard=false"],
      ...["--set", "eval.before=false", "--set", "eval.after=false"],
      ...["--set", "rollout.batch_tasks=2", "--set", "rollout.group_size=2"],
    ], {
      cwd: folder,
      env: exporting(collector),
    });
    assertEquals(code, 0, stderr);
    const episodes = collector.named(/^invoke_agent$/);
    const calls = collector.named(/^chat /);
    assertEquals(episodes.length, 4);
    assertTrue(calls.length >= 4, `${calls.length} calls`);
    for (const call of calls) {
      assertEquals(attribute(call, "gen_ai.operation.name"), "chat");
      assertTrue(Number(attribute(call, "gen_ai.usage.output_tokens")) > 0);
      assertEquals(collector.parentOf(call)?.name, "invoke_agent");
      assertEquals(typeof attribute(call, "gen_ai.request.model"), "string");
    }
    for (const episode of episodes) {
      const reward = attribute(episode, "astuner.reward");
      assertTrue(reward === 0 || reward === 1, `reward ${reward}`);
      const batch = collector.parentOf(episode)!;
      assertEquals(batch.name, "batch");
      const step = collector.parentOf(batch)!;
      assertEquals([step.name, attribute(step, "astuner.step")], ["step", 1]);
      const train = collector.parentOf(step)!;
      assertEquals([train.name, train.parentSpanId ?? ""], ["train", ""]);
    }
    assertEquals(collector.named(/^update$/).length, 1);
    assertEquals(new Set(collector.spans.map((span) => span.traceId)).size, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** An agent that asks for too much, and breaks at half of its tasks. */
const FAILING = `
export default async function fail(task, tuner) {
  const response = await fetch(tuner.baseUrl + "/chat/completions", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: "Bearer " + tuner.apiKey,
    },
    body: JSON.stringify({
      model: tuner.model,
      messages: [{ role: "user", content: task.query.repeat(1000) }],
    }),
  });
  await response.body.cancel();
  if (task.id === "breaks") throw new Error("the tool is broken");
  return 0;
}`;

Deno.test("train tells a collector which episodes and calls failed, and why", async () => {
  const folder = await Deno.makeTempDir();
  await using collector = new Collector();
  try {
    await Deno.writeTextFile(join(folder, "failing.ts"), FAILING);
    const tasks = ["works", "breaks"].map((id) => ({ id, query: "2 + 3? " }));
    await Deno.writeTextFile(
      join(folder, "tasks.jsonl"),
      tasks.map((task) => JSON.stringify(task)).join("\n"),
    );
    const { code, stderr } = await runProgram([
      ...["train", "--steps", "1", "--set", "monitor.dashboard=false"],
      ...["--set", "eval.before=false", "--set", "eval.after=false"],
      ...["--set", "rollout.batch_tasks=2", "--set", "rollout.group_size=2"],
      ...["--set", "rollout.retries=0", "--set", "workflow.path=failing.ts"],
      ...["--set", "tasks.train=tasks.jsonl"],
    ], { cwd: folder, env: exporting(collector) });
    assertEquals(code, 0, stderr);

    const episodes = collector.named(/^invoke_agent$/);
    assertEquals(episodes.length, 4);
    const failed = episodes.filter(({ status }) => status?.code === 2);
    assertEquals(failed.length, 2);
    for (const span of failed) {
      assertMatch(span.status!.message!, /the tool is broken/);
      assertEquals(attribute(span, "error.type"), "workflow");
    }
    const calls = collector.named(/^chat /);
    assertEquals(calls.length, 4);
    for (const { status, events, ...span } of calls) {
      assertEquals(status?.code, 2);
      assertMatch(status!.message!, /The prompt has \d+ tokens/);
      assertEquals(events?.map(({ name }) => name), ["exception"]);
      assertEquals(attribute(span, "error.type"), "ApiError");
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
