import { ModelError } from "../errors.ts";
import { isObject } from "./_files.ts";

/** Ids that a tokenizer puts around a text that stands by itself. */
export interface Affixes {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const NONE: Affixes = { before: [], after: [] };

/**
 * What `post_processor` of a `tokenizer.json` puts around a text, as the beginning-of-text token of Llama and Mistral.
 *
 * @throws {ModelError} If it is of a type that is not supported, or names a token that it does not define.
 */
export function affixesOf(processor: unknown, source: string): Affixes {
  if (processor === undefined || processor === null) return NONE;
  const where = `${source}: post_processor`;
  if (!isObject(processor)) throw new ModelError(`${where} must be an object`);
  switch (processor.type) {
    case "ByteLevel":
      return NONE;
    case "Sequence":
      return listOf(processor.processors, `${where}.processors`)
        .map((inner) => affixesOf(inner, source))
        .reduce((inner, outer) => ({
          before: [...outer.before, ...inner.before],
          after: [...inner.after, ...outer.after],
        }), NONE);
    case "TemplateProcessing": {
      const pieces = listOf(processor.single, `${where}.single`);
      const text = pieces.findIndex((piece) =>
        isObject(piece) && piece.Sequence !== undefined
      );
      if (text < 0) throw new ModelError(`${where}.single has no Sequence`);
      const idsOf = (piece: unknown) =>
        specialIds(piece, processor.special_tokens, where);
      return {
        before: pieces.slice(0, text).flatMap(idsOf),
        after: pieces.slice(text + 1).flatMap(idsOf),
      };
    }
    default:
      throw new ModelError(
        `${where}.type is ${
          JSON.stringify(processor.type)
        }; only ByteLevel, TemplateProcessing and a Sequence of them are supported`,
      );
  }
}

function specialIds(
  piece: unknown,
  tokens: unknown,
  where: string,
): readonly number[] {
  const special = isObject(piece) ? piece.SpecialToken : undefined;
  const name = isObject(special) ? special.id : undefined;
  const token = isObject(tokens) && typeof name === "string"
    ? tokens[name]
    : undefined;
  const ids = isObject(token) ? token.ids : undefined;
  if (
    Array.isArray(ids) && ids.every((id) => Number.isInteger(id) && id >= 0)
  ) {
    return ids;
  }
  throw new ModelError(
    `${where}: special_tokens has no ids of ${JSON.stringify(name ?? piece)}`,
  );
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ModelError(`${where} must be a list`);
}
