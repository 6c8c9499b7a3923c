import { h } from "./dom.js";
import { readable } from "./visible.js";

/** An episode as its agents read and wrote it; what was sampled stands as tiles. */
export function chatView(episode, tree, tiles) {
  const messages = new Map(
    episode.messages.map((message) => [message.number, message]),
  );
  const shown = new Set();
  const replies = new Set(
    episode.calls.map(({ replyMessage }) => replyMessage).filter((number) =>
      number !== null
    ),
  );
  const drawn = new Set();
  const bubbles = episode.calls.flatMap((call, number) => {
    const before = [];
    for (
      let at = call.promptMessage ?? -1;
      at >= 0 && !shown.has(at);
      at = messages.get(at).parent
    ) {
      shown.add(at);
      // What another call sampled stands there already, as that call's reply.
      if (!replies.has(at)) before.push(messageBubble(messages.get(at)));
    }
    if (call.promptMessage === null) {
      before.push(promptBubble(call, tiles));
    }
    shown.add(call.replyMessage);
    const nodes = tree.sampled(number, call.sampled).filter((node) =>
      !drawn.has(node) && drawn.add(node)
    );
    return [
      ...before.reverse(),
      replyBubble(
        call,
        number,
        tiles.block(nodes),
        messages.get(call.replyMessage),
      ),
    ];
  });
  return h("div.chat", null, bubbles);
}

function messageBubble({ role, name, content, toolCallId, toolCalls }) {
  return h(
    "article.bubble",
    { data: { role } },
    h(
      "header",
      null,
      h("b", null, name === null ? role : `${role} ${name}`),
      toolCallId !== null && h("span.quiet", null, toolCallId),
    ),
    h("pre", null, content),
    toolCalls.map(toolCall),
  );
}

/** What a call was asked, where messages were not kept: the tokens that it was the first to read. */
function promptBubble(call, tiles) {
  const text = call.path.slice(0, call.path.length - call.sampled).map((id) =>
    tiles.token(id).text ?? "�"
  ).join("");
  return h(
    "article.bubble",
    { data: { role: "prompt" } },
    h("header", null, h("b", null, "prompt")),
    h("pre", null, text),
  );
}

function replyBubble(call, number, tokens, message) {
  return h(
    "article.bubble",
    { data: { role: "assistant", call: number } },
    h(
      "header",
      null,
      h("b", null, call.agent === "default" ? "assistant" : call.agent),
      h("span.quiet", null, aboutCall(call, number)),
    ),
    tokens,
    message?.toolCalls.map(toolCall),
    call.untrainable !== null &&
      h("p.bad.small", null, `Not trained on: ${call.untrainable}`),
  );
}

function toolCall({ name, arguments: given }) {
  let text = given;
  try {
    text = JSON.stringify(JSON.parse(given), null, 2);
  } catch {
    // Shown as the model wrote it.
  }
  return h(
    "div.tool",
    null,
    h("span.tag", null, "tool call"),
    h("code", null, ` ${readable(name)}`),
    h("pre", null, text),
  );
}

/** A call in a few words. */
export function aboutCall({ sampled, finish, version, temperature }, number) {
  return `call ${number} · ${sampled} tokens · ${
    finish === "length" ? "cut by length" : finish
  } · version ${version} · T ${temperature}`;
}
