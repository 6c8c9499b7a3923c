import { pathToFileURL } from "node:url";
import type { CodeLocation } from "./_locate_code.ts";
import type { FenceOptions } from "./_protocol.ts";

/** What runs the user's code: a process of its own, or a Worker of the program itself. */
export type Carrier = "process" | "worker";

/** The module of our own that the carrier starts with. */
export function bootstrapUrl(carrier: Carrier): string {
  return import.meta.resolve(`./fenced/${carrier}.ts`);
}

/** What a carrier is told, and how it begins. */
export interface EntryOptions
  extends Pick<FenceOptions, "marker" | "beatSeconds"> {
  /** Whether a debugger is stopped before the first line of the user's. @default {false} */
  readonly breaks?: boolean;
}

/** Runs between our module and the user's: the next line that a debugger steps to is the user's first. */
const BREAK = "data:text/javascript,debugger;";

/**
 * The carrier's main module, as a `data:` URL.
 *
 * It imports the user's files statically, which needs no permission: so code may be imported from
 * anywhere, while what that code reads later stays within its fence.
 */
export function entryModule(
  code: CodeLocation,
  carrier: Carrier,
  { marker, beatSeconds, breaks = false }: EntryOptions,
): string {
  const { workflow, judge, folders } = code;
  const options: FenceOptions = {
    marker,
    beatSeconds,
    folders: folders.map((folder) => `${pathToFileURL(folder).href}/`),
  };
  const source = [
    `import { start } from ${JSON.stringify(bootstrapUrl(carrier))};`,
    ...(breaks ? [`import ${JSON.stringify(BREAK)};`] : []),
    `import * as workflow from ${JSON.stringify(workflow.href)};`,
    judge instanceof URL
      ? `import * as judge from ${JSON.stringify(judge.href)};`
      : `const judge = ${JSON.stringify(judge)};`,
    `start({ workflow, judge }, ${JSON.stringify(options)});`,
  ].join("\n");
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
