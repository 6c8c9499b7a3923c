import { UserError } from "../errors.ts";
import { bootstrapUrl } from "./_entry_module.ts";
import { moduleFlags } from "./_fence_command.ts";
import type { CodeLocation } from "./_locate_code.ts";

/**
 * Fetches what the user's code imports into Deno's cache; the fence then loads from there alone.
 *
 * @throws {UserError} If a module is missing or malformed, in Deno's words, with file and line.
 */
export async function cacheModules(code: CodeLocation): Promise<void> {
  const { workflow, judge } = code;
  const modules = [
    workflow.href,
    ...(judge instanceof URL ? [judge.href] : []),
    bootstrapUrl("process"),
  ];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", ...moduleFlags(code), ...modules],
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0", RUST_LIB_BACKTRACE: "0" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    throw new UserError(cannotLoad(new TextDecoder().decode(stderr)));
  }
}

/** The message for a workflow that does not load, from what Deno printed about it. */
export function cannotLoad(printed: string): string {
  const lines = printed.trim().split("\n")
    .filter((line) => !/^\s*at (?:.*\()?data:/.test(line));
  const text = lines.join("\n").replace(/^error: (?:Uncaught )?/, "")
    .replace(/^\(in promise\) /, "");
  return `Cannot load the workflow: ${text || "its process ended at once"}`;
}
