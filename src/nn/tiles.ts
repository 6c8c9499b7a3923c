/** Which tiles of queries and keys see each other; a tile is `lanes` tokens. */
export interface Tiles {
  /** `list[start[i] … start[i + 1]]` are the key tiles that query tile i sees, rising, `[tiles + 1]`. */
  readonly start: Uint32Array;
  readonly list: Uint32Array;
  /** Key tile i is seen by the query tiles i … until[i] − 1, `[tiles]`. */
  readonly until: Uint32Array;
}

/**
 * Finds the visible tiles of a forest in depth-first order.
 *
 * The key of a tile that is visible longest is seen by every query from itself to the end of its subtree, so
 * the query tiles that see a key tile form one stretch; the lists for queries are its transpose. Work
 * and memory are those of the visible tiles, never of all pairs.
 *
 * @param visibleUntil First index after each node's subtree, `[N]`, N a multiple of `lanes`.
 */
export function visibleTiles(visibleUntil: Uint32Array, lanes: number): Tiles {
  const tiles = visibleUntil.length / lanes;
  const until = new Uint32Array(tiles);
  const start = new Uint32Array(tiles + 1);
  for (let key = 0; key < tiles; key++) {
    let last = 0;
    for (let i = key * lanes; i < (key + 1) * lanes; i++) {
      last = Math.max(last, visibleUntil[i]!);
    }
    until[key] = Math.ceil(last / lanes);
    for (let query = key; query < until[key]!; query++) start[query + 1]!++;
  }
  for (let query = 0; query < tiles; query++) {
    start[query + 1]! += start[query]!;
  }
  const list = new Uint32Array(Math.max(1, start[tiles]!));
  const next = start.slice();
  for (let key = 0; key < tiles; key++) {
    for (let query = key; query < until[key]!; query++) {
      list[next[query]!++] = key;
    }
  }
  return { start, list, until };
}
