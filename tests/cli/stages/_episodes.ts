import { TokenTree } from "../../../src/tracker/mod.ts";

/** An episode of one call that answered `answer`. */
export function episode(answer: number): TokenTree {
  const tree = new TokenTree();
  tree.record({
    id: "call",
    agent: "default",
    prompt: [1, 2],
    tokens: [answer, 0],
    logprobs: [-1, -1],
    temperature: 1,
    finishReason: "stop",
    policyVersion: 0,
  });
  return tree;
}
