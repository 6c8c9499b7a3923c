import type { ChatMessage } from "../../model/mod.ts";
import type { Episode, Group } from "../../rollout/mod.ts";
import type { Recorded, TokenTree } from "../../tracker/mod.ts";
import type { MessageNode } from "../../tuner/mod.ts";
import { BlobPacker, type Piece } from "./_blob_packer.ts";
import { summarise } from "./_summarise.ts";
import type { BatchKind, CallScores, FindScores, TokenText } from "./types.ts";

/** A row by the names of its columns; its id, and those of the rows that it hangs on, are left out. */
export type Row = Readonly<Record<string, string | number | null | Piece>>;

/** A group and all that hangs on it as rows, which can be sent to another thread. */
export interface GroupRows {
  readonly group: Row;
  readonly episodes: readonly EpisodeRows[];
  /** What its tokens stand for, as far as no earlier group had them. */
  readonly vocabulary: readonly Row[];
  /** Where the blobs of all these rows are. */
  readonly blobs: Uint8Array<ArrayBuffer>;
}

/** The rows of an episode. */
export interface EpisodeRows {
  readonly episode: Row;
  readonly texts: Row;
  readonly calls: readonly Row[];
  readonly messages: readonly Row[];
  readonly toolCalls: readonly Row[];
}

/** The batch that a group belongs to. */
export interface GroupContext {
  readonly step: number;
  readonly kind: BatchKind;
  readonly findScores?: FindScores;
}

/** Makes rows of groups, one after the other. */
export class GroupRowMaker {
  readonly #tokenText: (id: number) => TokenText;
  readonly #knownTokens = new Set<number>();

  constructor(tokenText: (id: number) => TokenText) {
    this.#tokenText = tokenText;
  }

  /** The rows of `group`. */
  make(
    { key, task, episodes }: Group,
    { step, kind, findScores = () => undefined }: GroupContext,
  ): GroupRows {
    const blobs = new BlobPacker();
    const rewards = episodes.map(({ reward }) => reward)
      .filter((reward) => !Number.isNaN(reward));
    return {
      group: {
        step,
        kind,
        key,
        task: task.id,
        query: task.query,
        episodes: episodes.length,
        solved: episodes.filter(({ success }) => success).length,
        failed: episodes.filter(({ error }) => error !== undefined).length,
        reward: rewards.reduce((sum, reward) => sum + reward, 0) /
          rewards.length,
        spread: rewards.length === 0
          ? null
          : Math.max(...rewards) - Math.min(...rewards),
        metadata: JSON.stringify(task.metadata),
      },
      episodes: episodes.map((episode) => ({
        episode: { step, kind, ...episodeRow(episode, findScores) },
        texts: textsRow(episode),
        calls: callRows(episode, findScores, blobs),
        ...messageRows(episode.messages?.nodes ?? []),
      })),
      vocabulary: episodes.flatMap(({ tree }) => this.#newTokens(tree, blobs)),
      blobs: blobs.pack(),
    };
  }

  #newTokens({ tokens }: TokenTree, blobs: BlobPacker): Row[] {
    const rows: Row[] = [];
    for (const id of tokens) {
      if (this.#knownTokens.has(id)) continue;
      this.#knownTokens.add(id);
      const { bytes, special } = this.#tokenText(id);
      rows.push({ id, bytes: blobs.add(bytes), special: Number(special) });
    }
    return rows;
  }
}

function episodeRow(episode: Episode, findScores: FindScores): Row {
  const { agents, ...numbers } = summarise(episode, findScores);
  return {
    place: episode.index,
    task: episode.task.id,
    reward: episode.reward,
    success: Number(episode.success),
    agents: JSON.stringify(agents),
    ...numbers,
    attempts: episode.attempts,
    seconds: episode.seconds,
    stage: episode.error?.stage ?? null,
  };
}

function textsRow({ id, error, metrics, metadata, log }: Episode): Row {
  return {
    name: id,
    error: error?.message ?? null,
    parts: JSON.stringify(metrics),
    metadata: JSON.stringify(metadata),
    log,
  };
}

function callRows(
  { id, tree, messages }: Episode,
  findScores: FindScores,
  blobs: BlobPacker,
): Row[] {
  const { tokens, parents } = tree;
  let first = 0;
  return tree.calls.map((call, number) => {
    const said = messages?.find(call.id);
    const from = first;
    first += call.added;
    return {
      number,
      name: call.id,
      agent: call.agent,
      prompt: call.promptLength,
      sampled: call.sampledLength,
      shared: call.shared,
      added: call.added,
      after: call.added > 0 ? parents[from]! : call.leaf,
      temperature: call.temperature,
      finish: call.finishReason,
      version: call.policyVersion,
      branch: call.branch ? JSON.stringify(call.branch) : null,
      untrainable: call.untrainable ?? null,
      prompt_message: said?.prompt ?? null,
      reply_message: said?.reply ?? null,
      path: blobs.add(tokens.subarray(from, first)),
      logprobs: blobs.add(call.logprobs),
      adapter: call.adapter ?? null,
      ...scorePieces(call, findScores(id, call.id), blobs),
    };
  });
}

/** The blobs of a call's scores; what says nothing takes no space. */
function scorePieces(
  { sampledLength }: Recorded,
  scores: CallScores | undefined,
  blobs: BlobPacker,
): Record<keyof CallScores, Piece | null> {
  if (scores === undefined || sampledLength === 0) return NO_SCORES;
  const { advantage, trainer, reference, ratio, clipped } = scores;
  const alike = advantage.every((value) => value === advantage[0]);
  return {
    advantage: blobs.add(alike ? advantage.subarray(0, 1) : advantage),
    trainer: blobs.add(trainer),
    reference: reference === undefined ? null : blobs.add(reference),
    ratio: ratio.every((value) => value === 1) ? null : blobs.add(ratio),
    clipped: clipped.every((side) => side === 0) ? null : blobs.add(clipped),
  };
}

const NO_SCORES = {
  advantage: null,
  trainer: null,
  reference: null,
  ratio: null,
  clipped: null,
};

function messageRows(
  nodes: readonly MessageNode[],
): Pick<EpisodeRows, "messages" | "toolCalls"> {
  return {
    messages: nodes.map(({ parent, message }, number) => ({
      number,
      parent,
      role: message.role,
      name: message.name ?? null,
      content: textOf(message),
      tool_call_id: message.tool_call_id ?? null,
    })),
    toolCalls: nodes.flatMap(({ message }, at) =>
      message.tool_calls?.map(({ id, function: called }, number) => ({
        message: at,
        number,
        id: id ?? null,
        name: called.name,
        arguments: typeof called.arguments === "string"
          ? called.arguments
          : JSON.stringify(called.arguments) ?? "",
      })) ?? []
    ),
  };
}

function textOf({ content }: ChatMessage): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content.map(({ text }) => text).join("\n");
}
