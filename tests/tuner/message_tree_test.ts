import { MessageTree } from "../../src/tuner/mod.ts";
import { assertEquals } from "../assert.ts";

const user = { role: "user", content: "2 + 2?" };
const first = { role: "assistant", content: "5" };
const again = { role: "user", content: "Really?" };
const second = { role: "assistant", content: "4" };

Deno.test("MessageTree keeps each message once, however many histories it stands in", () => {
  const tree = new MessageTree();
  tree.record("a", { messages: [user], reply: first });
  tree.record("b", { messages: [user, first, again], reply: second });
  tree.record("c", { messages: [user], reply: second });
  assertEquals(tree.nodes.map(({ parent }) => parent), [-1, 0, 1, 2, 0]);
  assertEquals(tree.find("b"), { prompt: 2, reply: 3 });
  assertEquals(tree.find("c"), { prompt: 0, reply: 4 });
  assertEquals(tree.find("d"), undefined);
});

Deno.test("MessageTree knows a reply again that came back with empty fields", () => {
  const tree = new MessageTree();
  tree.record("a", { messages: [user], reply: first });
  const back = { refusal: null, content: "5", role: "assistant" };
  tree.record("b", { messages: [user, back, again], reply: second });
  assertEquals(tree.nodes.map(({ parent }) => parent), [-1, 0, 1, 2]);
});

Deno.test("MessageTree tells messages apart by what their fields hold, in whatever order", () => {
  const calling = (input: string) => ({
    role: "assistant",
    content: "",
    tool_calls: [{
      id: "call_1",
      type: "function",
      function: { name: "add", arguments: input },
    }],
  });
  const shuffled = {
    tool_calls: calling("{}").tool_calls.map((
      { id, type, function: call },
    ) => ({
      function: { arguments: call.arguments, name: call.name },
      type,
      id,
      index: null,
    })),
    content: "",
    role: "assistant",
  };
  const tree = new MessageTree();
  tree.record("a", { messages: [user], reply: calling("{}") });
  tree.record("b", { messages: [user], reply: calling("[]") });
  tree.record("c", { messages: [user], reply: { ...first, content: "" } });
  tree.record("d", { messages: [user, shuffled], reply: second });
  assertEquals(tree.nodes.map(({ parent }) => parent), [-1, 0, 0, 0, 1]);
});
