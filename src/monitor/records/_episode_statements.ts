import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ChatMessage } from "../../model/mod.ts";
import type { Episode, Group } from "../../rollout/mod.ts";
import type { Recorded, TokenTree } from "../../tracker/mod.ts";
import type { MessageNode } from "../../tuner/mod.ts";
import { packed } from "./_pack.ts";
import { summarise } from "./_summarise.ts";
import type { BatchKind, CallScores, FindScores, TokenText } from "./types.ts";

/** The batch that an episode belongs to. */
interface Context {
  readonly step: number;
  readonly kind: BatchKind;
  readonly findScores?: FindScores;
}

/** Writes groups and all that hangs on them, with statements that are prepared once. */
export class EpisodeStatements {
  readonly #group: StatementSync;
  readonly #episode: StatementSync;
  readonly #texts: StatementSync;
  readonly #call: StatementSync;
  readonly #message: StatementSync;
  readonly #toolCall: StatementSync;
  readonly #token: StatementSync;
  readonly #tokenText: (id: number) => TokenText;
  readonly #knownTokens = new Set<number>();

  constructor(
    database: DatabaseSync,
    tokenText: (id: number) => TokenText,
  ) {
    this.#tokenText = tokenText;
    this.#group = insertInto(database, "groups");
    this.#episode = insertInto(database, "episodes");
    this.#texts = insertInto(database, "episode_texts");
    this.#call = insertInto(database, "calls");
    this.#message = insertInto(database, "messages");
    this.#toolCall = insertInto(database, "tool_calls");
    this.#token = database.prepare(
      "INSERT OR IGNORE INTO vocabulary VALUES (?, ?, ?)",
    );
  }

  /** Writes a group, its episodes, their calls and their tokens. */
  writeGroup(group: Group, context: Context): void {
    const { key, task, episodes } = group;
    const rewards = episodes.map(({ reward }) => reward)
      .filter((reward) => !Number.isNaN(reward));
    const { lastInsertRowid } = this.#group.run({
      step: context.step,
      kind: context.kind,
      key,
      task: task.id,
      query: task.query,
      episodes: episodes.length,
      solved: episodes.filter(({ success }) => success).length,
      failed: episodes.filter(({ error }) => error !== undefined).length,
      reward: rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length,
      spread: rewards.length === 0
        ? null
        : Math.max(...rewards) - Math.min(...rewards),
    });
    for (const episode of episodes) {
      this.#writeEpisode(episode, Number(lastInsertRowid), context);
    }
  }

  #writeEpisode(
    episode: Episode,
    group: number,
    { step, kind, findScores = () => undefined }: Context,
  ): void {
    const {
      tree,
      error,
      metrics,
      metadata,
      log,
      messages,
    } = episode;
    const { agents, ...numbers } = summarise(episode, findScores);
    const { lastInsertRowid } = this.#episode.run({
      group,
      step,
      kind,
      place: episode.index,
      task: episode.task.id,
      reward: episode.reward,
      success: Number(episode.success),
      agents: JSON.stringify(agents),
      ...numbers,
      attempts: episode.attempts,
      seconds: episode.seconds,
      stage: error?.stage ?? null,
    });
    const id = Number(lastInsertRowid);
    this.#texts.run({
      episode: id,
      name: episode.id,
      error: error?.message ?? null,
      parts: JSON.stringify(metrics),
      metadata: JSON.stringify(metadata),
      log,
    });
    this.#writeMessages(id, messages?.nodes ?? []);
    this.#writeTokens(tree);
    let first = 0;
    tree.calls.forEach((call, number) => {
      const said = messages?.find(call.id);
      const scores = findScores(episode.id, call.id);
      this.#call.run({
        episode: id,
        number,
        name: call.id,
        agent: call.agent,
        prompt: call.promptLength,
        sampled: call.sampledLength,
        shared: call.shared,
        added: call.added,
        after: call.added > 0 ? tree.parents[first]! : call.leaf,
        temperature: call.temperature,
        finish: call.finishReason,
        version: call.policyVersion,
        branch: call.branch ? JSON.stringify(call.branch) : null,
        untrainable: call.untrainable ?? null,
        prompt_message: said?.prompt ?? null,
        reply_message: said?.reply ?? null,
        path: packed(tree.tokens.subarray(first, first + call.added)),
        logprobs: packed(call.logprobs),
        ...scoreBlobs(call, scores),
      });
      first += call.added;
    });
  }

  #writeMessages(episode: number, nodes: readonly MessageNode[]): void {
    nodes.forEach(({ parent, message }, number) => {
      const { role, name, tool_call_id } = message;
      this.#message.run({
        episode,
        number,
        parent,
        role,
        name: name ?? null,
        content: textOf(message),
        tool_call_id: tool_call_id ?? null,
      });
      message.tool_calls?.forEach(({ id, function: called }, at) => {
        const given = called.arguments;
        this.#toolCall.run({
          episode,
          message: number,
          number: at,
          id: id ?? null,
          name: called.name,
          arguments: typeof given === "string"
            ? given
            : JSON.stringify(given) ?? "",
        });
      });
    });
  }

  #writeTokens({ tokens }: TokenTree): void {
    for (const id of tokens) {
      if (this.#knownTokens.has(id)) continue;
      this.#knownTokens.add(id);
      const { bytes, special } = this.#tokenText(id);
      this.#token.run(id, bytes, Number(special));
    }
  }
}

/** A statement that inserts an object by its column names; columns left out are null. */
function insertInto(database: DatabaseSync, table: string): StatementSync {
  const columns = database.prepare(`PRAGMA table_info("${table}")`).all()
    .map(({ name }) => `:${name}`);
  return database.prepare(
    `INSERT INTO ${table} VALUES (${columns.join(", ")})`,
  );
}

/** The blobs of a call's scores; what says nothing takes no space. */
function scoreBlobs(
  { sampledLength }: Recorded,
  scores: CallScores | undefined,
): Record<string, Uint8Array | null> {
  if (scores === undefined || sampledLength === 0) return {};
  const { advantage, trainer, reference, ratio, clipped } = scores;
  const alike = advantage.every((value) => value === advantage[0]);
  return {
    advantage: packed(alike ? advantage.subarray(0, 1) : advantage),
    trainer: packed(trainer),
    reference: reference === undefined ? null : packed(reference),
    ratio: ratio.every((value) => value === 1) ? null : packed(ratio),
    clipped: clipped.every((side) => side === 0) ? null : packed(clipped),
  };
}

function textOf({ content }: ChatMessage): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content.map(({ text }) => text).join("\n");
}
