import type { SQLOutputValue } from "node:sqlite";
import type { Evidence, Window } from "./_finding.ts";
import { unpackFloats } from "./_pack.ts";

/** Where in an episode something can be seen. */
type Place = Pick<Evidence, "episode" | "call" | "token">;

/** The sampled token at which engine and trainer differ most. */
export function widestGap(rows: Window["rows"], episode: number): Place {
  const calls = rows(
    `SELECT number, logprobs, trainer FROM calls
     WHERE episode = :episode AND trainer IS NOT NULL ORDER BY number`,
    { episode },
  );
  let widest = -1;
  let place: Place = { episode };
  for (const { number, logprobs, trainer } of calls) {
    const engine = unpackFloats(logprobs as Uint8Array);
    unpackFloats(trainer as Uint8Array).forEach((logprob, token) => {
      const gap = Math.abs(logprob - engine[token]!);
      if (!(gap > widest)) return;
      widest = gap;
      place = { episode, call: Number(number), token };
    });
  }
  return place;
}

/** The last token that was sampled; the episode alone where it sampled none. */
export function lastToken(rows: Window["rows"], episode: number): Place {
  const [call] = rows(
    `SELECT number, sampled FROM calls WHERE episode = :episode AND sampled > 0
     ORDER BY number DESC LIMIT 1`,
    { episode },
  );
  return placeOf(episode, call?.number, Number(call?.sampled) - 1);
}

/** A token of a call; the episode alone where there is no such call. */
export function placeOf(
  episode: number,
  call: SQLOutputValue | undefined,
  token = 0,
): Place {
  return typeof call === "number" ? { episode, call, token } : { episode };
}
