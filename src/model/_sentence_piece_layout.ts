import { ModelError } from "../errors.ts";
import { isObject, type JsonObject } from "./_files.ts";

/** What tokens of the SentencePiece kind write for a space. */
export const SPACE_MARK = "\u2581";

/** Before which parts of a text a space is put. */
export type PrefixScheme = "always" | "first" | "never";

/** How a tokenizer of the SentencePiece kind treats a text around its BPE model. */
export interface SentencePieceLayout {
  /** Whether the normalizer puts a mark before each text between added tokens. */
  readonly prepends: boolean;
  /** Whether the normalizer writes marks for spaces. */
  readonly replaces: boolean;
  /** The Metaspace pre_tokenizer; absent where there is none. */
  readonly metaspace?: {
    readonly scheme: PrefixScheme;
    /** Whether the text is split before each mark. */
    readonly split: boolean;
  };
  /** Whether tokens named `<0xNN>` stand for bytes. */
  readonly hasByteTokens: boolean;
  /** What is left out at the beginning of a text: one space, all marks of the first token, nothing. */
  readonly drops: "space" | "marks" | "nothing";
}

/**
 * Reads the normalizer, pre_tokenizer and decoder of a SentencePiece-like `tokenizer.json`, in the forms that
 * `transformers` has written for Llama and Mistral.
 *
 * The file is what counts, as for `transformers` 4 and, with Mistral's models, 5. For Llama's models 5 takes vocabulary
 * and merges alone and puts a Metaspace of its own before them, which differs next to added tokens.
 *
 * @throws {ModelError} If a step is none of theirs, with its name.
 */
export function sentencePieceLayout(
  json: JsonObject,
  source: string,
): SentencePieceLayout {
  const decoder = readDecoder(json.decoder, `${source}: decoder`);
  if ((json.model as JsonObject).byte_fallback && !decoder.hasByteTokens) {
    throw new ModelError(
      `${source}: model.byte_fallback is not supported beside a decoder without ByteFallback`,
    );
  }
  const normalizer = readNormalizer(json.normalizer, `${source}: normalizer`);
  const metaspace = readPreTokenizer(
    json.pre_tokenizer,
    `${source}: pre_tokenizer`,
  );
  if (!normalizer.replaces && metaspace === undefined) {
    throw new ModelError(
      `${source}: neither the normalizer nor the pre_tokenizer writes ${SPACE_MARK} for a space, as the decoder expects`,
    );
  }
  return {
    ...normalizer,
    ...(metaspace && { metaspace }),
    ...decoder,
  };
}

function readNormalizer(
  normalizer: unknown,
  where: string,
): Pick<SentencePieceLayout, "prepends" | "replaces"> {
  const steps = stepsOf(normalizer, "normalizers");
  for (const step of steps) {
    const isKnown = isPrepend(step) || isReplace(step, " ", SPACE_MARK);
    if (!isKnown) throw unsupported(step, where);
  }
  const prepends = steps.filter(isPrepend);
  if (prepends.length > 1) throw unsupported(prepends[1], where);
  return {
    prepends: prepends.length > 0,
    replaces: steps.length > prepends.length,
  };
}

function isPrepend(step: unknown): boolean {
  return isObject(step) && step.type === "Prepend" &&
    step.prepend === SPACE_MARK;
}

function isReplace(step: unknown, pattern: string, content: string): boolean {
  return isObject(step) && step.type === "Replace" &&
    isObject(step.pattern) && step.pattern.String === pattern &&
    step.content === content;
}

function readPreTokenizer(
  preTokenizer: unknown,
  where: string,
): SentencePieceLayout["metaspace"] {
  const [step, next] = stepsOf(preTokenizer, "pretokenizers");
  if (step === undefined) return undefined;
  if (next !== undefined) throw unsupported(next, where);
  return { scheme: prefixScheme(step, where), split: step.split !== false };
}

/** The prefix scheme of a Metaspace step; older files have a flag in its place. */
function prefixScheme(step: JsonObject, where: string): PrefixScheme {
  const { type, replacement, str_rep = replacement } = step;
  const flag = step.add_prefix_space ?? true;
  const scheme = step.prepend_scheme ?? (flag === false ? "never" : "always");
  if (
    type !== "Metaspace" || replacement !== SPACE_MARK ||
    str_rep !== SPACE_MARK || (flag === false && scheme !== "never") ||
    (scheme !== "always" && scheme !== "first" && scheme !== "never")
  ) throw unsupported(step, where);
  return scheme;
}

function readDecoder(
  decoder: unknown,
  where: string,
): Pick<SentencePieceLayout, "hasByteTokens" | "drops"> {
  const steps = stepsOf(decoder, "decoders");
  const [first] = steps;
  if (first?.type === "Metaspace" && steps.length === 1) {
    const drops = prefixScheme(first, where) === "never" ? "nothing" : "marks";
    return { hasByteTokens: false, drops };
  }
  const expected = [
    (step: JsonObject) => isReplace(step, SPACE_MARK, " "),
    (step: JsonObject) => step.type === "ByteFallback",
    (step: JsonObject) => step.type === "Fuse",
    (step: JsonObject) =>
      step.type === "Strip" && step.content === " " && step.start === 1 &&
      step.stop === 0,
  ];
  steps.forEach((step, at) => {
    if (!expected[at]?.(step)) throw unsupported(step, where);
  });
  if (steps.length < 3) {
    throw new ModelError(
      `${where} is none that is supported: ByteLevel, Metaspace, or Replace, ByteFallback, Fuse and Strip`,
    );
  }
  return {
    hasByteTokens: true,
    drops: steps.length > 3 ? "space" : "nothing",
  };
}

/** The steps of a normalizer, pre_tokenizer or decoder, which may be a sequence of them, or missing. */
function stepsOf(value: unknown, list: string): JsonObject[] {
  if (!isObject(value)) return [];
  if (value.type !== "Sequence") return [value];
  const steps: unknown = value[list];
  return Array.isArray(steps)
    ? steps.flatMap((step: unknown) => stepsOf(step, list))
    : [];
}

function unsupported(step: unknown, where: string): ModelError {
  return new ModelError(
    `${where}: ${JSON.stringify(step)} is not supported`,
  );
}
