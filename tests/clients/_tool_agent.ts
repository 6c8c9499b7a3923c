import { assertEquals } from "../assert.ts";
import { startGateway, type TestGateway } from "../tuner/_requests.ts";

/** Calls of an agent's episode: all but the last one ask for the tool. */
export const TURNS = 20;

export const QUESTION = "Add up what the tool gives.";

/** The one tool that the policy knows. */
export const ADD = {
  name: "add",
  description: "Adds two numbers",
  parameters: {
    type: "object" as const,
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
    additionalProperties: false,
  },
};

/** What the tool is called with. */
export interface Addends {
  readonly a: number;
  readonly b: number;
}

/** What the tool gives. */
export function add({ a, b }: Addends): string {
  return `${a + b}`;
}

/**
 * A gateway whose policy calls the tool for 19 turns and then answers. It writes as models do and
 * no template does: odd spaces in its JSON, bytes for tokens, words before a call, two calls at once.
 */
export function startAgentGateway(): Promise<TestGateway> {
  return startGateway((_, turn) => ({ text: replyAt(turn) }), {
    maxContext: 32_768,
  });
}

/** What the policy samples at each turn. */
function replyAt(turn: number): string {
  if (turn >= TURNS - 1) return "It is 210 ✓";
  const call = (a: number) =>
    `<tool_call>\n{"name":"add",  "arguments": {"b" : 1, "a":${a}}}\n</tool_call>`;
  const words = turn % 2 === 0 ? "" : `Step ${turn}, see:\n`;
  return `${words}${call(turn)}${
    turn % 3 === 0 ? `\n${call(100 + turn)}` : ""
  }`;
}

/** What the tool has to be called with, in order. */
const CALLS: readonly Addends[] = Array.from(
  { length: TURNS - 1 },
  (_, turn) => [turn, ...(turn % 3 === 0 ? [100 + turn] : [])],
).flat().map((a) => ({ a, b: 1 }));

/** Runs an agent on a gateway of its own, and checks its calls to the token. */
export async function checkAgent(
  run: (
    test: TestGateway,
    add: (addends: Addends) => string,
  ) => Promise<string>,
): Promise<void> {
  await using test = await startAgentGateway();
  const calls: Addends[] = [];
  const answer = await run(test, (addends) => {
    calls.push(addends);
    return add(addends);
  });
  assertEquals(answer, "It is 210 ✓");
  // Two calls at once may be made in either order.
  assertEquals(calls.toSorted((x, y) => x.a - y.a), sortedCalls());
  assertExtends(test);
}

function sortedCalls(): Addends[] {
  return CALLS.toSorted((x, y) => x.a - y.a);
}

/** Every call after the first goes on where the one before it ended, to the token. */
function assertExtends({ session: { tree } }: TestGateway): void {
  const { calls, size } = tree;
  const breaks = calls.flatMap(({ branch, shared }, at) => {
    const last = calls[at - 1];
    const known = last ? last.promptLength + last.sampledLength : 0;
    return shared === known ? [] : [`call ${at}: ${JSON.stringify(branch)}`];
  });
  assertEquals(breaks, []);
  assertEquals([calls.length, tree.timelines().length], [TURNS, 1]);
  // Nothing was computed twice.
  const last = calls.at(-1)!;
  assertEquals(size, last.promptLength + last.sampledLength);
}
