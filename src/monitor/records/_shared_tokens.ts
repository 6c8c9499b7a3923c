import type { DatabaseSync } from "node:sqlite";
import { unpackIds } from "./_pack.ts";

/** Neighbouring nodes of an episode's token tree that the same episodes of its group have too. */
export interface SharedStretch {
  /** First node. */
  readonly from: number;
  /** Node after the last one. */
  readonly to: number;
  /** Places in the group of the other episodes; none where the tokens are this episode's own. */
  readonly places: readonly number[];
}

/** A token tree as two columns. */
interface Nodes {
  readonly tokens: number[];
  readonly parents: number[];
}

/** Finds which episodes of the group share the tokens of episode `id`. */
export function sharedTokens(
  database: DatabaseSync,
  id: number,
): SharedStretch[] {
  const own = readNodes(database, id);
  const children = new Map(
    own.tokens.map((token, node) => [`${own.parents[node]} ${token}`, node]),
  );
  const places: number[][] = own.tokens.map(() => []);
  const others = database.prepare(
    `SELECT o.id, o.place FROM episodes e JOIN episodes o ON o."group" = e."group"
     WHERE e.id = ? AND o.id <> e.id ORDER BY o.place`,
  ).all(id);
  for (const other of others) {
    const { tokens, parents } = readNodes(database, Number(other.id));
    const same: (number | undefined)[] = [];
    tokens.forEach((token, node) => {
      const parent = parents[node]!;
      const above = parent < 0 ? -1 : same[parent];
      const found = above === undefined
        ? undefined
        : children.get(`${above} ${token}`);
      same[node] = found;
      if (found !== undefined) places[found]!.push(Number(other.place));
    });
  }
  return stretches(places);
}

function readNodes(database: DatabaseSync, episode: number): Nodes {
  const tokens: number[] = [];
  const parents: number[] = [];
  const calls = database
    .prepare(
      `SELECT "after", path FROM calls WHERE episode = ? ORDER BY number`,
    )
    .all(episode);
  for (const { after, path } of calls) {
    let parent = Number(after);
    for (const token of unpackIds(path as Uint8Array)) {
      parents.push(parent);
      parent = tokens.push(token) - 1;
    }
  }
  return { tokens, parents };
}

function stretches(places: readonly (readonly number[])[]): SharedStretch[] {
  const found: { from: number; to: number; places: readonly number[] }[] = [];
  places.forEach((here, node) => {
    const last = found.at(-1);
    if (last && last.places.join() === here.join()) last.to = node + 1;
    else found.push({ from: node, to: node + 1, places: here });
  });
  return found;
}
