/** The most lines of an error that are told. */
const MAX_LINES = 8;

/** A frame of Python's tracebacks, or of JavaScript's stacks. */
const FRAME =
  /^\s*(?:File "(?<python>[^"]+)", line (?<line>\d+)|at .*?(?:file:\/\/)?(?<script>\/[^\s()]+?):(?<at>\d+):\d+\)?$)/;

/**
 * What a program said as it failed, in few words: its error, and the innermost place in `folder`.
 *
 * @param stderr What it wrote on standard error, or the end of that.
 */
export function traceback(stderr: string, folder: string): string {
  const lines = stderr.trimEnd().split("\n");
  const places = lines.flatMap((line) => {
    const { python, line: row, script, at } = line.match(FRAME)?.groups ?? {};
    const path = python ?? script;
    return path === undefined ? [] : [{ path, row: row ?? at, python }];
  });
  const own = places.filter(({ path }) =>
    (path.startsWith(folder) || !path.startsWith("/")) &&
    !/\/(?:site-packages|node_modules|npm)\//.test(path)
  );
  // Python's innermost frame comes last, JavaScript's first.
  const place = own.at(-1)?.python === undefined ? own[0] : own.at(-1);
  const words = errorWords(lines);
  return place === undefined
    ? words
    : `${words}\n    at ${place.path}:${place.row}`;
}

/** The error's own lines: those after Python's traceback, or before JavaScript's stack. */
function errorWords(lines: readonly string[]): string {
  const frames = lines.flatMap((line, at) => FRAME.test(line) ? [at] : []);
  const last = frames.at(-1);
  if (last === undefined) return lines.slice(-MAX_LINES).join("\n").trim();
  // Source lines and their marks are indented; the error is not.
  const after = lines.slice(last + 1).filter((line) => /^\S/.test(line));
  if (after.length > 0) return after.slice(-MAX_LINES).join("\n");
  const first = frames.findLast((at) => !frames.includes(at - 1)) ?? last;
  return lines.slice(Math.max(0, first - MAX_LINES), first).join("\n").trim();
}
