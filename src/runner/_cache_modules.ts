import { UserError } from "../errors.ts";
import { bootstrapUrl } from "./_entry_module.ts";
import { lastWords } from "./_last_words.ts";
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
    const reason = lastWords(new TextDecoder().decode(stderr));
    throw new UserError(`Cannot load the workflow: ${reason}`);
  }
}
