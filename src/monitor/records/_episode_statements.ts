import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { ChatMessage } from "../../model/mod.ts";
import type { Recorded, TokenTree } from "../../tracker/mod.ts";
import { MessageTree } from "./_message_tree.ts";
import { packed } from "./_pack.ts";
import { summarise } from "./_summarise.ts";
import type {
  BatchKind,
  CallScores,
  FindScores,
  RecordedEpisode,
  RecordedGroup,
  TokenText,
} from "./types.ts";

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
    this.#group = insertInto(database, "groups", 11);
    this.#episode = insertInto(database, "episodes", 27);
    this.#texts = insertInto(database, "episode_texts", 6);
    this.#call = insertInto(database, "calls", 23);
    this.#message = insertInto(database, "messages", 7);
    this.#toolCall = insertInto(database, "tool_calls", 6);
    this.#token = database.prepare(
      "INSERT OR IGNORE INTO vocabulary VALUES (?, ?, ?)",
    );
  }

  /** Writes a group, its episodes, their calls and their tokens. */
  writeGroup(group: RecordedGroup, context: Context): void {
    const { key, task, episodes } = group;
    const rewards = episodes.map(({ reward }) => reward)
      .filter((reward) => !Number.isNaN(reward));
    const { lastInsertRowid } = this.#group.run(
      null,
      context.step,
      context.kind,
      key,
      task.id,
      task.query,
      episodes.length,
      episodes.filter(({ success }) => success).length,
      episodes.filter(({ error }) => error !== undefined).length,
      rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length,
      rewards.length === 0 ? null : Math.max(...rewards) - Math.min(...rewards),
    );
    for (const episode of episodes) {
      this.#writeEpisode(episode, Number(lastInsertRowid), context);
    }
  }

  #writeEpisode(
    episode: RecordedEpisode,
    group: number,
    { step, kind, findScores = () => undefined }: Context,
  ): void {
    const { tree, error, metrics, metadata, log, exchanges = [] } = episode;
    const about = summarise(episode, findScores);
    const { lastInsertRowid } = this.#episode.run(
      null,
      group,
      step,
      kind,
      episode.index,
      episode.task.id,
      episode.reward,
      Number(episode.success),
      about.advantage,
      JSON.stringify(about.agents),
      about.calls,
      about.nodes,
      about.unrolled,
      about.sampled,
      about.branches,
      about.untrainable,
      about.cut,
      about.clipped,
      about.logprobMin,
      about.logprobMean,
      about.gapMax,
      about.gapMean,
      about.versionMin,
      about.versionMax,
      episode.attempts,
      episode.seconds,
      error?.stage ?? null,
    );
    const id = Number(lastInsertRowid);
    this.#texts.run(
      id,
      episode.id,
      error?.message ?? null,
      JSON.stringify(metrics),
      JSON.stringify(metadata),
      log,
    );
    const messages = new MessageTree(exchanges);
    this.#writeMessages(id, messages);
    this.#writeTokens(tree);
    let first = 0;
    tree.calls.forEach((call, number) => {
      const said = messages.calls.get(call.id);
      const scores = findScores(episode.id, call.id);
      this.#call.run(
        null,
        id,
        number,
        call.id,
        call.agent,
        call.promptLength,
        call.sampledLength,
        call.shared,
        call.added,
        call.added > 0 ? tree.parents[first]! : call.leaf,
        call.temperature,
        call.finishReason,
        call.policyVersion,
        call.branch ? JSON.stringify(call.branch) : null,
        call.untrainable ?? null,
        said?.prompt ?? null,
        said?.reply ?? null,
        packed(tree.tokens.subarray(first, first + call.added)),
        packed(call.logprobs),
        ...scoreBlobs(call, scores),
      );
      first += call.added;
    });
  }

  #writeMessages(episode: number, { nodes }: MessageTree): void {
    nodes.forEach(({ parent, message }, number) => {
      const { role, name, tool_call_id } = message;
      this.#message.run(
        episode,
        number,
        parent,
        role,
        name ?? null,
        textOf(message),
        tool_call_id ?? null,
      );
      message.tool_calls?.forEach(({ id, function: called }, at) => {
        const given = called.arguments;
        const json = typeof given === "string" ? given : JSON.stringify(given);
        const key = [episode, number, at];
        this.#toolCall.run(...key, id ?? null, called.name, json ?? "");
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

function insertInto(
  database: DatabaseSync,
  table: string,
  columns: number,
): StatementSync {
  const marks = new Array(columns).fill("?").join(", ");
  return database.prepare(`INSERT INTO ${table} VALUES (${marks})`);
}

/** Advantage, trainer, reference, ratio and clipped; what says nothing takes no space. */
function scoreBlobs(
  { sampledLength }: Recorded,
  scores: CallScores | undefined,
): SQLInputValue[] {
  if (scores === undefined || sampledLength === 0) {
    return [null, null, null, null, null];
  }
  const { advantage, trainer, reference, ratio, clipped } = scores;
  const alike = advantage.every((value) => value === advantage[0]);
  return [
    packed(alike ? advantage.subarray(0, 1) : advantage),
    packed(trainer),
    reference === undefined ? null : packed(reference),
    ratio.every((value) => value === 1) ? null : packed(ratio),
    clipped.every((side) => side === 0) ? null : packed(clipped),
  ];
}

function textOf({ content }: ChatMessage): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content.map(({ text }) => text).join("\n");
}
