import type { BranchKind } from "../../tracker/mod.ts";
import type { BranchAccount, CallAccount, LearningAccount } from "./types.ts";

/** What each cause of a branch means to whoever writes the agent. */
const CAUSES: Readonly<Record<BranchKind, string>> = {
  "rewritten-history":
    "what was sampled before came back changed; send earlier replies back as they came, and it merges",
  "other-agent": "another agent speaks for the first time",
  "new-root": "its prompt begins with other tokens",
  resample: "the same prompt was sampled again",
  parallel: "another call went on from the same reply with other messages",
  "new-conversation": "it opens another conversation",
};

/**
 * A call's place among the others, in words.
 *
 * @param said What its messages tell, where it has no tokens that could.
 */
export function callVerdict(
  { continues, branch, untrainable }: Pick<
    CallAccount,
    "continues" | "branch" | "untrainable"
  >,
  said?: { readonly rewritten: number | null },
): string {
  const from = continues === null ? "" : ` call ${continues}`;
  const place = branch !== null
    ? `branches${from && ` off${from}`} after ${branch.depth} tokens: ${
      causeOf(branch)
    }`
    : said && said.rewritten !== null
    ? `would branch by its messages: message ${said.rewritten} is not what was said there; ` +
      "send earlier replies back as they came"
    : continues === null
    ? "opens a timeline"
    : said
    ? `goes on from${from} by its messages`
    : `merges with${from}`;
  return untrainable === null
    ? place
    : `${place}; not learnt from: ${untrainable}`;
}

function causeOf({ kind, detail, expected, found }: BranchAccount): string {
  const words = detail ??
    `${JSON.stringify(found)} where ${JSON.stringify(expected)} stood`;
  return `${CAUSES[kind]} (${words})`;
}

/** What training would make of an episode, in words. */
export function learningVerdict(
  calls: readonly Pick<CallAccount, "branch" | "untrainable">[],
  { timelines, tokens, tokensApart, trained }: Omit<LearningAccount, "verdict">,
  failed: boolean,
): string {
  if (calls.length === 0) return "nothing: the model was not called";
  if (failed) {
    return "nothing: the episode failed, and failed ones are left out";
  }
  const [first] = calls;
  if (trained === 0) return `nothing: ${first!.untrainable ?? "no token"}`;
  const branched = calls.flatMap(({ branch }, at) => branch ? [at + 1] : []);
  const merged = branched.length === 0
    ? calls.length === 1 ? "" : "every call merges"
    : `call${branched.length > 1 ? "s" : ""} ${branched.join(", ")} branch${
      branched.length > 1 ? "" : "es"
    }`;
  const saved = tokensApart > tokens ? `, ${tokensApart} were they apart` : "";
  return [
    `${trained} of ${tokens} tokens${saved}`,
    `${timelines} timeline${timelines === 1 ? "" : "s"}`,
    merged,
  ].filter((part) => part !== "").join("; ");
}
