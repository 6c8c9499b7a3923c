import type { Tokenizer } from "../../model/mod.ts";
import type { Episode } from "../../rollout/mod.ts";
import type { Recorded, TokenTree } from "../../tracker/mod.ts";
import type { MessageTree, SessionRequest } from "../../tuner/mod.ts";
import type { BranchAccount, CallAccount, TokenAccount } from "./types.ts";
import { hexOf } from "../report/_text.ts";
import { callVerdict } from "./_verdict.ts";

/** What calls are explained with. */
interface CallAccountsOptions {
  readonly tokenizer: Pick<Tokenizer, "wholeText" | "tokenBytes"> | undefined;
  readonly requests: readonly SessionRequest[];
}

/** Every call of an episode, in the order in which they were recorded. */
export function callAccounts(
  { tree, messages }: Pick<Episode, "tree" | "messages">,
  { tokenizer, requests }: CallAccountsOptions,
): CallAccount[] {
  const textOf = (id: number) => {
    if (tokenizer === undefined) return `#${id}`;
    return tokenizer.wholeText(id) ?? `⟨${hexOf(tokenizer.tokenBytes(id))}⟩`;
  };
  const tokens = new Continuations(tree);
  const talk = new Talk(messages);
  return tree.calls.map((call, at) => {
    const hasTokens = call.leaf >= 0;
    const byTokens = tokens.find(call, at + 1);
    const heard = talk.hear(call.id, at + 1);
    const { continues: byMessages, rewritten, ...said } = heard;
    const continues = hasTokens ? byTokens : byMessages;
    const branch = branchOf(call, textOf);
    const untrainable = call.untrainable ?? null;
    const request = requests.find(({ id }) => id && call.id.startsWith(id));
    return {
      id: call.id,
      agent: call.agent,
      ...said,
      promptTokens: hasTokens ? call.promptLength : request?.promptTokens ?? 0,
      sharedTokens: Math.min(call.shared, call.promptLength),
      sampledTokens: hasTokens
        ? call.sampledLength
        : request?.sampledTokens ?? 0,
      tokens: tokensOf(call, tree, textOf),
      temperature: call.temperature,
      finishReason: call.finishReason,
      seconds: request ? (request.ended - request.began) / 1000 : null,
      continues,
      branch,
      untrainable,
      verdict: callVerdict(
        { continues, branch, untrainable },
        hasTokens ? undefined : { rewritten },
      ),
    };
  });
}

/** Finds the call whose last token a later call's prompt goes on from. */
class Continuations {
  readonly #tree: TokenTree;
  readonly #ends = new Map<number, number>();

  constructor(tree: TokenTree) {
    this.#tree = tree;
  }

  /** Number of the latest call that ends within the prompt of call number `number`, which it takes in. */
  find(call: Recorded, number: number): number | null {
    const path = this.#tree.path(call.leaf).subarray(0, call.promptLength);
    const end = path.findLast((node) => this.#ends.has(node));
    if (call.leaf >= 0) this.#ends.set(call.leaf, number);
    return end === undefined ? null : this.#ends.get(end)!;
  }
}

/** What a call says and is told, in messages. */
interface Heard
  extends Pick<CallAccount, "sent" | "sentBefore" | "reply" | "continues"> {
  /** Place of the first message of the model's that it did not say so; null where there is none. */
  readonly rewritten: number | null;
}

const NOTHING_HEARD: Heard = {
  sent: [],
  sentBefore: 0,
  reply: null,
  continues: null,
  rewritten: null,
};

/** Follows what is said, call by call. */
class Talk {
  readonly #tree: MessageTree | undefined;
  readonly #heard = new Set<number>();
  /** Numbers of calls by their reply's node. */
  readonly #replies = new Map<number, number>();

  constructor(tree: MessageTree | undefined) {
    this.#tree = tree;
  }

  hear(
    id: string,
    number: number,
  ): Heard {
    const nodes = this.#tree?.nodes ?? [];
    const found = this.#tree?.find(id);
    if (found === undefined) {
      return NOTHING_HEARD;
    }
    const path: number[] = [];
    for (let at = found.prompt; at >= 0; at = nodes[at]!.parent) {
      path.unshift(at);
    }
    const sent = path.filter((node) => !this.#heard.has(node));
    // Where it leaves what was said before; a model's own message there was changed.
    const parting = path.findIndex((node) => !this.#heard.has(node));
    const role = parting > 0 ? nodes[path[parting]!]!.message.role : undefined;
    const last = path.findLast((node) => this.#replies.has(node));
    for (const node of path) this.#heard.add(node);
    this.#heard.add(found.reply);
    this.#replies.set(found.reply, number);
    return {
      sent: sent.map((node) => nodes[node]!.message),
      sentBefore: path.length - sent.length,
      reply: nodes[found.reply]!.message,
      continues: last === undefined ? null : this.#replies.get(last)!,
      rewritten: role === "assistant" ? parting : null,
    };
  }
}

function tokensOf(
  call: Recorded,
  tree: TokenTree,
  textOf: (id: number) => string,
): TokenAccount[] {
  const nodes = call.leaf < 0 ? [] : [...tree.sampledNodes(call)];
  return nodes.map((node, at) => {
    const id = tree.tokens[node]!;
    const logprob = call.logprobs[at] ?? NaN;
    return {
      id,
      text: textOf(id),
      logprob: Number.isFinite(logprob) ? logprob : null,
    };
  });
}

function branchOf(
  { branch }: Recorded,
  textOf: (id: number) => string,
): BranchAccount | null {
  if (branch === undefined) return null;
  const { kind, depth, expected, found, detail = null } = branch;
  return {
    kind,
    depth,
    expected: textOf(expected),
    found: textOf(found),
    detail,
  };
}
