import type { EpisodeDetail, RecordReader } from "../records/mod.ts";

/** An episode with what its token ids stand for: bytes in base64, and whether it is special. */
export interface EpisodeAnswer extends EpisodeDetail {
  readonly tokens: Readonly<Record<number, readonly [string, boolean]>>;
}

/** What the dashboard and `inspect --json` say of an episode; undefined where there is none. */
export function episodeAnswer(
  reader: RecordReader,
  id: number,
): EpisodeAnswer | undefined {
  const episode = reader.episode(id);
  if (episode === undefined) return undefined;
  const found = reader.tokens(episodeTokens(episode));
  const tokens = Object.fromEntries(
    Array.from(
      found,
      ([token, { bytes, special }]) =>
        [token, [bytes.toBase64(), special]] as const,
    ),
  );
  return { ...episode, tokens };
}

function* episodeTokens({ calls }: EpisodeDetail): Generator<number> {
  for (const { path, branch } of calls) {
    yield* path;
    if (branch !== null) yield branch.expected;
  }
}
