import { DataError } from "../errors.ts";
import { tokenIds } from "./_token_ids.ts";
import type { JsonLine } from "./read_json_lines.ts";

/** How lines are scored. */
export interface ScoreLinesOptions {
  /** Logprob of every token given those before it, NaN for the first: an engine's. */
  readonly score: (
    sequences: readonly (readonly number[])[],
  ) => Promise<readonly Float32Array[]>;
  /** Token ids are below it. */
  readonly vocabSize: number;
  /** Most tokens scored together, and so the longest sequence. */
  readonly maxNodes: number;
}

/**
 * The logprobs of each line `{"tokens": […]}`, in order, as soon as as many lines as fit have been scored.
 *
 * @returns For each line the logprob of every token given those before it; null for the first.
 * @throws {DataError} If a line holds no token ids, or more than `maxNodes`; after the lines before it.
 */
export async function* scoreLines(
  lines: AsyncIterable<JsonLine>,
  { score, vocabSize, maxNodes }: ScoreLinesOptions,
): AsyncGenerator<readonly (number | null)[]> {
  let batch: (readonly number[])[] = [];
  let total = 0;
  async function* flush() {
    if (batch.length === 0) return;
    for (const logprobs of await score(batch)) {
      yield Array.from(logprobs, (value, at) => at === 0 ? null : short(value));
    }
    batch = [];
    total = 0;
  }
  try {
    for await (const line of lines) {
      const tokens = tokenIds(line, vocabSize);
      if (tokens.length > maxNodes) {
        throw new DataError(
          `${line.where}: ${tokens.length} tokens are more than the ${maxNodes} computed at a time; ` +
            `raise --max-nodes`,
        );
      }
      if (total + tokens.length > maxNodes) yield* flush();
      batch.push(tokens);
      total += tokens.length;
    }
  } catch (error) {
    // The lines before a bad one have their answers all the same.
    if (error instanceof DataError) yield* flush();
    throw error;
  }
  yield* flush();
}

/** The shortest decimal that reads back as the same float32. */
function short(value: number): number {
  return Number(value.toPrecision(9));
}
