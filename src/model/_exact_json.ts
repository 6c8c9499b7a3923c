import { isObject } from "./_files.ts";

/** Access to the source text of numbers (ECMAScript 2026), which TypeScript does not know yet. */
const exactJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (
      key: string,
      value: unknown,
      context: { readonly source: string },
    ) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
};

/** Parses JSON so that `JSON.stringify` writes every number with the digits it had; undefined where it is none. */
export function parseExactJson(text: string): unknown {
  try {
    return exactJson.parse(
      text,
      (_, value, { source }) =>
        typeof value === "number" ? exactJson.rawJSON(source) : value,
    );
  } catch {
    return undefined;
  }
}

/** The JSON text of a set of arguments; undefined for anything but an object. */
export function argumentsJson(value: unknown): string | undefined {
  const json = JSON.stringify(value ?? null);
  // A number kept as its digits is an object too, to JavaScript.
  return json.startsWith("{") ? json : undefined;
}

/** A field of a parsed object. */
export function fieldOf(value: unknown, ...names: string[]): unknown {
  if (!isObject(value)) return undefined;
  return names.map((name) => value[name]).find((field) => field !== undefined);
}

/**
 * Where the JSON object or array that begins at `start` ends; −1 where it has not ended yet.
 *
 * Only brackets and strings are looked at: what is no JSON ends somewhere too.
 */
export function jsonEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = stringEnd(text, at);
        if (at < 0) return -1;
        break;
      case "{":
      case "[":
        depth++;
        break;
      case "}":
      case "]":
        if (--depth <= 0) return at + 1;
    }
  }
  return -1;
}

/** Index of the quote that ends the string whose first quote stands at `start`; −1 where there is none yet. */
export function stringEnd(text: string, start: number): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote) return at;
  }
  return -1;
}
