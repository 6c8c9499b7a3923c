/** A value of Python's as JSON, and where it ends. */
export interface PythonLiteral {
  readonly json: string;
  readonly end: number;
}

const NAMES: Readonly<Record<string, string>> = {
  True: "true",
  False: "false",
  None: "null",
  true: "true",
  false: "false",
  null: "null",
};

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  0: "\0",
  "\n": "",
};

/** Reads a string, number, name of a constant, list, tuple or dictionary; numbers keep their digits. */
export function pythonLiteral(
  text: string,
  start: number,
): PythonLiteral | undefined {
  const at = skipSpace(text, start);
  switch (text[at]) {
    case '"':
    case "'":
      return string(text, at);
    case "[":
      return items(text, at, "]");
    case "(":
      return items(text, at, ")");
    case "{":
      return dictionary(text, at);
    default:
      return word(text, at);
  }
}

/** Index of the first character from `start` on that is no white space. */
export function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && /\s/.test(text[at]!)) at++;
  return at;
}

function word(text: string, at: number): PythonLiteral | undefined {
  const found = /[\w.+-]+/y;
  found.lastIndex = at;
  const word = found.exec(text)?.[0] ?? "";
  const end = at + word.length;
  if (Object.hasOwn(NAMES, word)) return { json: NAMES[word]!, end };
  const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(word);
  return isNumber ? { json: word, end } : undefined;
}

function string(text: string, start: number): PythonLiteral | undefined {
  const quote = text[start];
  let value = "";
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at]!;
    if (char === quote) return { json: JSON.stringify(value), end: at + 1 };
    if (char !== "\\") {
      value += char;
      continue;
    }
    const next = text[++at] ?? "";
    const digits = next === "x" ? 2 : next === "u" ? 4 : next === "U" ? 8 : 0;
    const code = text.slice(at + 1, at + 1 + digits);
    if (digits > 0 && /^[0-9a-f]+$/i.test(code) && code.length === digits) {
      const point = parseInt(code, 16);
      if (point > 0x10ffff) return undefined;
      value += String.fromCodePoint(point);
      at += digits;
    } else {
      value += ESCAPES[next] ?? (/[\\'"]/.test(next) ? next : `\\${next}`);
    }
  }
  return undefined;
}

function items(
  text: string,
  start: number,
  close: string,
): PythonLiteral | undefined {
  const parts: string[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== close) {
    const item = pythonLiteral(text, at);
    if (item === undefined) return undefined;
    parts.push(item.json);
    at = afterComma(text, item.end, close);
    if (at < 0) return undefined;
  }
  return { json: `[${parts.join(",")}]`, end: at + 1 };
}

function dictionary(text: string, start: number): PythonLiteral | undefined {
  const parts: string[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== "}") {
    const key = pythonLiteral(text, at);
    const colon = key ? skipSpace(text, key.end) : -1;
    if (!key?.json.startsWith('"') || text[colon] !== ":") return undefined;
    const value = pythonLiteral(text, colon + 1);
    if (value === undefined) return undefined;
    parts.push(`${key.json}:${value.json}`);
    at = afterComma(text, value.end, "}");
    if (at < 0) return undefined;
  }
  return { json: `{${parts.join(",")}}`, end: at + 1 };
}

/** Where the next item begins, or `close` stands; −1 where neither follows. */
export function afterComma(text: string, end: number, close: string): number {
  const at = skipSpace(text, end);
  if (text[at] === ",") return skipSpace(text, at + 1);
  return text[at] === close ? at : -1;
}
