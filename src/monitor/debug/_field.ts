/** Columns before a field's text. */
const INDENT = 12;

/** Escape sequences of colours. */
// deno-lint-ignore no-control-regex -- they begin with a control character
const ESCAPE = /\x1b\[[\d;]*m/g;

/** The same where it is looked for. */
// deno-lint-ignore no-control-regex -- they begin with a control character
const ESCAPE_HERE = /\x1b\[[\d;]*m/y;

/** A name and what it stands for, which is wrapped and stands in a column of its own. */
export function field(
  name: string,
  text: string,
  { width }: { readonly width: number },
): string[] {
  const room = Math.max(20, width - INDENT - 1);
  const lines = text.split("\n").flatMap((line) => wrap(line, room));
  const padding = " ".repeat(Math.max(1, INDENT - 2 - lengthOf(name)));
  return lines.map((line, at) =>
    (at === 0 ? `  ${name}${padding}` : " ".repeat(INDENT)) + line
  );
}

/** Cuts a line at spaces, or between tokens, where there are some; escape sequences take no room. */
function wrap(line: string, room: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (lengthOf(rest) > room) {
    const cut = cutAt(rest, room);
    lines.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut).trimStart();
  }
  return [...lines, rest];
}

/** Where in `line` to cut it for at most `room` columns. */
function cutAt(line: string, room: number): number {
  let columns = 0;
  let space = 0;
  for (let at = 0; at < line.length;) {
    ESCAPE_HERE.lastIndex = at;
    const escape = ESCAPE_HERE.exec(line);
    if (escape !== null) {
      at += escape[0].length;
      continue;
    }
    if (columns === room) return space > 0 ? space : at;
    const character = String.fromCodePoint(line.codePointAt(at)!);
    at += character.length;
    columns++;
    if (character === " " || character === "│") space = at;
  }
  return line.length;
}

function lengthOf(text: string): number {
  return [...text.replaceAll(ESCAPE, "")].length;
}
