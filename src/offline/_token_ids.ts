import { DataError } from "../errors.ts";
import type { JsonLine } from "./read_json_lines.ts";

/**
 * The field `tokens` of a line: token ids of a model with `vocabSize` of them.
 *
 * @throws {DataError} If it is missing, empty, or holds something else.
 */
export function tokenIds(
  { fields, where }: JsonLine,
  vocabSize: number,
): readonly number[] {
  const { tokens } = fields;
  if (!Array.isArray(tokens) || tokens.length === 0) {
    throw new DataError(
      `${where}: tokens must be a list of token ids, at least one`,
    );
  }
  const wrong = tokens.findIndex((id) =>
    !Number.isInteger(id) || id < 0 || id >= vocabSize
  );
  if (wrong >= 0) {
    throw new DataError(
      `${where}: tokens[${wrong}] must be a token id below ${vocabSize}, got ${
        JSON.stringify(tokens[wrong])
      }`,
    );
  }
  return tokens;
}
