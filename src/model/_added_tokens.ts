import { ModelError } from "../errors.ts";
import { isObject, type JsonObject } from "./_files.ts";

/** A token that is looked for in a text before anything else. */
export interface AddedToken {
  readonly content: string;
  readonly id: number;
  readonly special: boolean;
  /** Whether it is looked for, and written, as the normalizer leaves it. */
  readonly normalized: boolean;
  /** Whether it takes in the white space before it. */
  readonly lstrip: boolean;
  /** Whether it takes in the white space after it. */
  readonly rstrip: boolean;
}

/**
 * The added tokens of a `tokenizer.json`.
 *
 * @throws {ModelError} If one is malformed, or to be found as a single word only.
 */
export function checkAddedTokens(
  json: JsonObject,
  source: string,
): AddedToken[] {
  const list = json.added_tokens ?? [];
  if (!Array.isArray(list)) {
    throw new ModelError(`${source}: added_tokens must be a list`);
  }
  return list.map((token: unknown, i) => {
    if (!isObject(token) || typeof token.content !== "string") {
      throw new ModelError(`${source}: added_tokens[${i}].content is missing`);
    }
    checkId(token.id, `${source}: added_tokens[${i}].id`);
    if (token.single_word === true) {
      throw new ModelError(
        `${source}: added_tokens[${i}].single_word is not supported`,
      );
    }
    const special = token.special === true;
    return {
      content: token.content,
      id: token.id as number,
      special,
      normalized: (token.normalized ?? !special) === true,
      lstrip: token.lstrip === true,
      rstrip: token.rstrip === true,
    };
  });
}

/** @throws {ModelError} If `id` is not a token's id; `where` names its place. */
export function checkId(id: unknown, where: string): void {
  // No vocabulary comes near 2^24; a larger id would make the table of bytes huge.
  if (
    !Number.isInteger(id) || (id as number) < 0 || (id as number) >= 2 ** 24
  ) {
    throw new ModelError(`${where} is not a token id: ${JSON.stringify(id)}`);
  }
}

/** A part of a text: an added token, or what stands between two. */
export type Section = AddedToken | string;

/** Finds added tokens in texts as Hugging Face `tokenizers` does: the longest of those that begin first. */
export class AddedTokenSplitter {
  readonly #tokens: ReadonlyMap<string, AddedToken>;
  readonly #pattern: RegExp | undefined;

  /** @param tokens The tokens by what is looked for. */
  constructor(tokens: Iterable<readonly [string, AddedToken]>) {
    this.#tokens = new Map([...tokens].filter(([written]) => written !== ""));
    const written = [...this.#tokens.keys()].sort((a, b) =>
      b.length - a.length
    );
    this.#pattern = written.length === 0
      ? undefined
      : new RegExp(written.map(escaped).join("|"), "g");
  }

  /** The sections of a text in their order; none is empty. */
  split(text: string): Section[] {
    if (this.#pattern === undefined) return text === "" ? [] : [text];
    const sections: Section[] = [];
    let at = 0;
    for (const { 0: written, index } of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(written)!;
      const start = token.lstrip ? spaceBefore(text, index, at) : index;
      if (at < start) sections.push(text.slice(at, start));
      sections.push(token);
      const end = index + written.length;
      at = token.rstrip ? spaceAfter(text, end) : end;
    }
    if (at < text.length) sections.push(text.slice(at));
    return sections;
  }
}

const SPACE = /\p{White_Space}/u;

/** Where the white space begins that ends at `end`, `least` at the earliest. */
function spaceBefore(text: string, end: number, least: number): number {
  let start = end;
  while (start > least && SPACE.test(text[start - 1]!)) start--;
  return start;
}

/** Where the white space ends that begins at `start`. */
export function spaceAfter(text: string, start: number): number {
  let end = start;
  while (end < text.length && SPACE.test(text[end]!)) end++;
  return end;
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
