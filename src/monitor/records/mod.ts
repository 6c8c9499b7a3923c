/**
 * Records: everything about a run, to the token, in one SQLite file of its directory.
 *
 * `RecordWriter` takes steps, evaluations and whole batches of episodes, with what the trainer knew
 * of their tokens (a `ScoreBook` collects that), one transaction each, and drops the episodes of
 * steps that are not to be kept. It makes rows of them and hands those to a thread of its own, which
 * alone waits for the disk. `RecordReader` answers questions, also while the run goes on, and
 * never holds more than the answer. The backbone says what is recorded; dashboard and command line
 * show it.
 *
 * @module
 */
export type { Evidence, Finding } from "./_finding.ts";
export type { GroupDetail, GroupEpisode } from "./_read_group.ts";
export type { SharedStretch } from "./_shared_tokens.ts";
export type { MetricSeries, SeriesQuery } from "./_metric_series.ts";
export type {
  CallDetail,
  EpisodeDetail,
  MessageDetail,
  Sibling,
} from "./_read_episode.ts";
export { type EpisodeQuery, SORT_KEYS, type SortKey } from "./episode_query.ts";
export {
  type About,
  type EpisodePage,
  type EpisodeRow,
  RecordReader,
} from "./record_reader.ts";
export {
  type RecordedBatch,
  RecordWriter,
  type RecordWriterOptions,
} from "./record_writer.ts";
export { readRecords } from "./_database.ts";
export { ScoreBook } from "./score_book.ts";
export type * from "./types.ts";
