import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import type { BranchCause } from "../../tracker/mod.ts";
import { unpackFloats, unpackIds, unpackSigns } from "./_pack.ts";

/** A row of a table. */
type Row = Readonly<Record<string, SQLOutputValue>>;

/** A number of a token array; null where there is none. */
type Value = number | null;

/** One call of an episode as it is shown. */
export interface CallDetail {
  readonly name: string;
  readonly agent: string;
  /** The adapter that sampled; null for the one that agents share. */
  readonly adapter: string | null;
  /** Prompt tokens. */
  readonly prompt: number;
  /** Sampled tokens: the last ones on the path to the call's last node. */
  readonly sampled: number;
  /** Leading tokens that the tree had before. */
  readonly shared: number;
  /** Node that the call's own tokens follow, −1 at a root; its last node where it added none. */
  readonly after: number;
  /** Token ids that the call added to the tree. */
  readonly path: readonly number[];
  readonly temperature: number;
  readonly finish: string;
  /** Policy version of the weights that sampled. */
  readonly version: number;
  readonly branch: BranchCause | null;
  readonly untrainable: string | null;
  /** Number of the last message of its prompt; null where messages were not kept. */
  readonly promptMessage: number | null;
  readonly replyMessage: number | null;
  /** At the engine, in nats, one for each sampled token, as all that follow. */
  readonly logprobs: readonly Value[];
  /** At the trainer; null where the call was not trained on. */
  readonly trainer: readonly Value[] | null;
  readonly reference: readonly Value[] | null;
  readonly advantage: readonly Value[] | null;
  readonly ratio: readonly Value[] | null;
  readonly clipped: readonly number[] | null;
}

/** A message of an episode. */
export interface MessageDetail {
  readonly number: number;
  /** Number of the message before it; −1 for a first one. */
  readonly parent: number;
  readonly role: string;
  readonly name: string | null;
  readonly content: string;
  readonly toolCallId: string | null;
  readonly toolCalls: readonly {
    readonly id: string | null;
    readonly name: string;
    readonly arguments: string;
  }[];
}

/** An episode of the same group, in short. */
export interface Sibling {
  readonly id: number;
  readonly place: number;
  readonly reward: Value;
  readonly success: boolean;
  readonly failed: boolean;
}

/** Everything that was recorded of an episode. */
export interface EpisodeDetail {
  readonly id: number;
  readonly name: string;
  readonly step: number;
  readonly kind: string;
  readonly group: number;
  readonly place: number;
  readonly task: string;
  readonly query: string;
  /** What the task came with: the right answer, perhaps. */
  readonly taskMetadata: Readonly<Record<string, unknown>>;
  readonly reward: Value;
  readonly success: boolean;
  readonly attempts: number;
  readonly seconds: number;
  readonly error: { readonly stage: string; readonly message: string } | null;
  /** Numbers that workflow and judge measured. */
  readonly parts: Readonly<Record<string, number>>;
  /** What workflow and judge left: the judge's words among it. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly log: string;
  readonly siblings: readonly Sibling[];
  readonly calls: readonly CallDetail[];
  readonly messages: readonly MessageDetail[];
}

/** Reads an episode; undefined where there is none of that number. */
export function readEpisode(
  database: DatabaseSync,
  id: number,
): EpisodeDetail | undefined {
  const row = database.prepare(
    `SELECT e.*, t.name, t.error, t.parts, t.metadata, t.log FROM episodes e
     JOIN episode_texts t ON t.episode = e.id WHERE e.id = ?`,
  ).get(id);
  if (row === undefined) return undefined;
  const group = database.prepare("SELECT * FROM groups WHERE id = ?")
    .get(Number(row.group))!;
  return {
    id,
    name: String(row.name),
    step: Number(row.step),
    kind: String(row.kind),
    group: Number(row.group),
    place: Number(row.place),
    task: String(row.task),
    query: String(group.query),
    taskMetadata: JSON.parse(String(group.metadata ?? "{}")),
    reward: row.reward as Value,
    success: row.success === 1,
    attempts: Number(row.attempts),
    seconds: Number(row.seconds),
    error: row.stage === null
      ? null
      : { stage: String(row.stage), message: String(row.error) },
    parts: JSON.parse(String(row.parts)),
    metadata: JSON.parse(String(row.metadata)),
    log: String(row.log),
    siblings: readSiblings(database, Number(row.group)),
    calls: database
      .prepare("SELECT * FROM calls WHERE episode = ? ORDER BY number")
      .all(id).map(toCall),
    messages: readMessages(database, id),
  };
}

function readSiblings(database: DatabaseSync, group: number): Sibling[] {
  return database.prepare(
    `SELECT id, place, reward, success, stage FROM episodes WHERE "group" = ? ORDER BY place`,
  ).all(group).map(({ id, place, reward, success, stage }) => ({
    id: Number(id),
    place: Number(place),
    reward: reward as Value,
    success: success === 1,
    failed: stage !== null,
  }));
}

function readMessages(
  database: DatabaseSync,
  episode: number,
): MessageDetail[] {
  const toolCalls = Map.groupBy(
    database.prepare(
      "SELECT * FROM tool_calls WHERE episode = ? ORDER BY message, number",
    ).all(episode),
    ({ message }) => Number(message),
  );
  return database
    .prepare("SELECT * FROM messages WHERE episode = ? ORDER BY number")
    .all(episode).map((row) => ({
      number: Number(row.number),
      parent: Number(row.parent),
      role: String(row.role),
      name: row.name as string | null,
      content: String(row.content),
      toolCallId: row.tool_call_id as string | null,
      toolCalls: (toolCalls.get(Number(row.number)) ?? []).map((call) => ({
        id: call.id as string | null,
        name: String(call.name),
        arguments: String(call.arguments),
      })),
    }));
}

function toCall(row: Row): CallDetail {
  const sampled = Number(row.sampled);
  const advantage = floats(row.advantage);
  return {
    name: String(row.name),
    agent: String(row.agent),
    adapter: (row.adapter ?? null) as string | null,
    prompt: Number(row.prompt),
    sampled,
    shared: Number(row.shared),
    after: Number(row.after),
    path: [...unpackIds(row.path as Uint8Array)],
    temperature: Number(row.temperature),
    finish: String(row.finish),
    version: Number(row.version),
    branch: row.branch === null ? null : JSON.parse(String(row.branch)),
    untrainable: row.untrainable as string | null,
    promptMessage: row.prompt_message as number | null,
    replyMessage: row.reply_message as number | null,
    logprobs: floats(row.logprobs)!,
    trainer: floats(row.trainer),
    reference: floats(row.reference),
    advantage: advantage?.length === 1
      ? new Array(sampled).fill(advantage[0])
      : advantage,
    ratio: floats(row.ratio),
    clipped: row.clipped === null
      ? null
      : [...unpackSigns(row.clipped as Uint8Array)],
  };
}

/** The numbers of a blob to six digits, which is what float32 holds of a logprob. */
function floats(blob: SQLOutputValue | undefined): Value[] | null {
  if (!(blob instanceof Uint8Array)) return null;
  return Array.from(
    unpackFloats(blob),
    (value) => Number.isFinite(value) ? Number(value.toPrecision(6)) : null,
  );
}
