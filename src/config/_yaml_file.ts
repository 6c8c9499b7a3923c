import {
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
} from "../deps/yaml.ts";
import { ConfigError } from "../errors.ts";

/** A parsed YAML file that still knows where each key stood. */
export interface YamlFile {
  /** The value of the whole file; an empty file is an empty map. */
  readonly value: unknown;
  /** `file:line:column` of the key at `path`, or of the nearest key above it that is there. */
  locate(path: readonly PropertyKey[]): string;
}

/**
 * Parses a file of YAML 1.2; duplicate keys and unknown tags are mistakes.
 *
 * @param name The file's name, for the messages.
 * @throws {ConfigError} Where the text is not YAML.
 */
export function parseYamlFile(text: string, name: string): YamlFile {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const { document, value } = parseYaml(text, at, lines);
  return {
    value: value ?? {},
    locate: (path) => at(offsetOf(document, path)),
  };
}

/**
 * Parses YAML 1.2 text.
 *
 * @param at Names the place of an offset, for the messages.
 * @throws {ConfigError} Where the text is not YAML.
 */
export function parseYaml(
  text: string,
  at: (offset: number) => string,
  lineCounter = new LineCounter(),
): { readonly document: Document; readonly value: unknown } {
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const mistake = document.errors[0] ?? document.warnings[0];
  if (mistake !== undefined) {
    throw notYaml(at(mistake.pos[0]), mistake);
  }
  try {
    return { document, value: document.toJS() };
  } catch (error) {
    // An alias without its anchor, or so many that they would fill the memory.
    throw notYaml(at(0), error as Error);
  }
}

function notYaml(where: string, cause: Error): ConfigError {
  return new ConfigError(`${where}: This is not valid YAML: ${cause.message}`, {
    cause,
  });
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) =>
        isPair(item) && isScalar(item.key) && String(item.key.value) === key
      );
      if (!pair) break;
      offset = (pair.key as { range?: readonly number[] }).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = (node as { range?: readonly number[] })?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
