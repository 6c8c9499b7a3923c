import { fileURLToPath } from "node:url";
import { UserError } from "../errors.ts";
import type { Args } from "./args.ts";

/** `astuner test`: the checks and the tests of a checkout. */
export async function run(args: Args): Promise<number> {
  const root = new URL("../../", import.meta.url);
  if (root.protocol !== "file:" || Deno.build.standalone) {
    throw new UserError(
      "The tests are in the program's checkout: run them there",
    );
  }
  const filter = args.positionals;
  const checks = filter.length > 0 ? 0 : await task(root, ["check"]);
  // Clients have a configuration and a lock of their own: their packages are 130 MB, which no other
  // command may download, and bring Node's types, which contradict Deno's, so types stay unchecked.
  const clients = filter.length > 0 ? 0 : await task(root, ["test:clients"]);
  const tests = await task(root, ["test", ...filter]);
  return checks || clients || tests;
}

async function task(root: URL, args: readonly string[]): Promise<number> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--cwd", fileURLToPath(root), ...args],
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  return code;
}
