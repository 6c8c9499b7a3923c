import type { DatabaseSync } from "node:sqlite";
import { openForReading } from "./_database.ts";
import {
  type MetricSeries,
  readSeries,
  type SeriesQuery,
} from "./_metric_series.ts";
import type { Finding } from "./_finding.ts";
import { readHealth } from "./_health.ts";
import { type GroupDetail, readGroup } from "./_read_group.ts";
import { type SharedStretch, sharedTokens } from "./_shared_tokens.ts";
import { type EpisodeDetail, readEpisode } from "./_read_episode.ts";
import { conditionOf, type EpisodeQuery, orderOf } from "./episode_query.ts";
import type { TokenText } from "./types.ts";

/** A row of a table of episodes, by column; `agents` is a JSON list. */
export type EpisodeRow = Readonly<Record<string, number | string | null>>;

/** Part of a table of episodes. */
export interface EpisodePage {
  /** Episodes that the filters let through. */
  readonly total: number;
  readonly rows: readonly EpisodeRow[];
}

/** What a run says of itself. */
export interface About {
  /** Name of the model. */
  readonly model: string;
  /** The resolved configuration, as YAML. */
  readonly config: string;
  /** Last step that was recorded; 0 before the first. */
  readonly lastStep: number;
  /** Names of the agents seen in the latest episodes. */
  readonly agents: readonly string[];
}

/** Columns of an episode that tables show. */
const SHOWN =
  `id, "group", step, kind, place, task, reward, success, advantage, agents, calls, nodes,
  unrolled, sampled, branches, untrainable, cut, clipped, logprob_min, logprob_mean, gap_max,
  gap_mean, version_min, version_max, attempts, seconds, stage`;

/**
 * Reads the records of a run, finished or at work, a question at a time: nothing is kept in memory.
 */
export class RecordReader implements Disposable {
  /** The connection, for the queries of this room. */
  readonly database: DatabaseSync;

  /**
   * Opens the records in a run's directory.
   *
   * @throws {UserError} If there are none, or another version of the program wrote them.
   */
  constructor(readonly directory: string) {
    this.database = openForReading(directory);
  }

  /** Changes whenever something was recorded. */
  version(): number {
    return Number(
      this.database.prepare("PRAGMA data_version").get()!.data_version,
    );
  }

  /** What the run says of itself. */
  about(): About {
    const meta = new Map(
      this.database.prepare("SELECT key, value FROM meta").all()
        .map(({ key, value }) => [String(key), String(value)]),
    );
    const agents = this.database.prepare(
      `SELECT DISTINCT value FROM (SELECT agents FROM episodes ORDER BY id DESC LIMIT 1000),
       json_each(agents) ORDER BY value`,
    ).all();
    return {
      model: meta.get("model") ?? "",
      config: meta.get("config") ?? "",
      lastStep: this.lastStep(),
      agents: agents.map(({ value }) => String(value)),
    };
  }

  /** Last step that was recorded; 0 before the first. */
  lastStep(): number {
    const { step } = this.database.prepare("SELECT max(step) step FROM steps")
      .get()!;
    return Number(step ?? 0);
  }

  /** The run's metrics. */
  series(query: SeriesQuery = {}): MetricSeries {
    return readSeries(this.database, query);
  }

  /** Part of the table of episodes. */
  episodes(query: EpisodeQuery = {}): EpisodePage {
    const { offset = 0, limit = 100 } = query;
    const { sql, values } = conditionOf(query);
    const { total } = this.database
      .prepare(`SELECT count(*) total FROM episodes WHERE ${sql}`)
      .get(...values)!;
    // The inner query touches indexes alone where it can; whole rows are read for the page only.
    const rows = this.database.prepare(
      `SELECT ${SHOWN} FROM episodes WHERE id IN (
         SELECT id FROM episodes WHERE ${sql} ORDER BY ${
        orderOf(query)
      } LIMIT ? OFFSET ?
       ) ORDER BY ${orderOf(query)}`,
    ).all(...values, limit, offset);
    return { total: Number(total), rows: rows as EpisodeRow[] };
  }

  /** Everything that was recorded of an episode; undefined where there is none of that number. */
  episode(id: number): EpisodeDetail | undefined {
    return readEpisode(this.database, id);
  }

  /** Which tokens of an episode stand in others of its group, node by node. */
  shared(episode: number): SharedStretch[] {
    return sharedTokens(this.database, episode);
  }

  /** A group with its episodes, best and worst first; undefined where there is none of that number. */
  group(id: number): GroupDetail | undefined {
    return readGroup(this.database, id);
  }

  /** What goes wrong in the last steps, the worst first, and what was looked at and is right. */
  health(): Finding[] {
    return readHealth(this.database);
  }

  /** What stands behind token ids, by id. */
  tokens(ids: Iterable<number>): Map<number, TokenText> {
    const rows = this.database.prepare(
      "SELECT id, bytes, special FROM vocabulary WHERE id IN (SELECT value FROM json_each(?))",
    ).all(JSON.stringify([...new Set(ids)]));
    return new Map(rows.map(({ id, bytes, special }) => [
      Number(id),
      { bytes: bytes as Uint8Array, special: special === 1 },
    ]));
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.database.close();
  }
}
