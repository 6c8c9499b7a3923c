import { show } from "./_show.ts";
import { UsageError } from "./_usage_error.ts";

const MAX_MESSAGE = 4000;

/** A stack frame that names a file: `at f (file:///agent.ts:12:5)`. */
const FRAME = /((?:file|https?):\/\/[^\s()]+?):(\d+):(\d+)\)?$/gm;

/**
 * An error in one message: its kind, its words, its causes, and the user's own file and line.
 *
 * @param folders Folders of the user's code, as URLs that end in a slash.
 */
export function describeError(
  error: unknown,
  folders: readonly string[],
): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  let place: string | undefined;
  for (let at = error; at !== undefined && !seen.has(at); at = causeOf(at)) {
    seen.add(at);
    parts.push(inWords(at));
    place ??= at instanceof Error ? placeOf(at, folders) : undefined;
  }
  const text = parts.join("; caused by ").slice(0, MAX_MESSAGE);
  return place === undefined ? text : `${text}\n    at ${place}`;
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) {
    return `${show(error)} was thrown, which is not an Error`;
  }
  if (error instanceof UsageError) return error.message;
  const name = error.name === "Error" ? error.constructor.name : error.name;
  return `${name}: ${error.message}`;
}

function causeOf(error: unknown): unknown {
  if (error instanceof AggregateError) return error.cause ?? error.errors[0];
  return error instanceof Error ? error.cause : undefined;
}

/** `path:line:column` of the innermost frame in the user's folders, or else outside packages. */
function placeOf(
  error: Error,
  folders: readonly string[],
): string | undefined {
  const frames = [...(error.stack ?? "").matchAll(FRAME)]
    .map(([, url, line, column]) => ({ url: url!, at: `:${line}:${column}` }))
    .filter(({ url }) => !/\/(?:node_modules|npm)\//.test(url));
  const own = frames.find(({ url }) =>
    folders.some((folder) => url.startsWith(folder))
  );
  const frame = own ?? frames.find(({ url }) => !url.startsWith(RUNNER));
  return frame && readable(frame.url) + frame.at;
}

const RUNNER = import.meta.resolve("../");

function readable(url: string): string {
  return url.startsWith("file:") ? decodeURI(new URL(url).pathname) : url;
}
