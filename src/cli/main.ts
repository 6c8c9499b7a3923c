import { didYouMean } from "../did_you_mean.ts";
import { ASTunerError, UserError } from "../errors.ts";
import { readArgs, UsageError } from "./args.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { commandHelp, programHelp } from "./help.ts";
import { programName, VERSION } from "./program.ts";
import { OutputClosed } from "./write_line.ts";

/** What the compiled program calls itself with, to fence user code in a process of its own. */
const STAGE = "__stage";

/** Exit code of a program whose output nobody reads any more: a shell's for one that SIGPIPE ended. */
const CLOSED = 141;

/**
 * Runs the program and returns its exit code.
 *
 * A user's mistake is told as one message on standard error, and so is any other end that was foreseen; a bug keeps its
 * stack trace.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await runCommand(args);
  } catch (error) {
    if (error instanceof OutputClosed) return CLOSED;
    if (!(error instanceof ASTunerError)) {
      console.error("This is a bug in ASTuner:", error);
      return 1;
    }
    console.error(await printable(error.message));
    if (error instanceof UsageError) {
      console.error(`See ${programName()} --help`);
    }
    return error instanceof UserError ? 2 : 1;
  }
}

/** A message whose words may be an agent's: it moves no cursor and sets no title. */
async function printable(message: string): Promise<string> {
  const { readable } = await import("../monitor/report/mod.ts");
  return message.split("\t").map(readable).join("\t");
}

async function runCommand(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === STAGE) {
    const { stage } = await import("../runner/mod.ts");
    return await stage(rest[0]!);
  }
  if (name === undefined || name === "--help" || name === "-h") {
    console.log(programHelp());
    return 0;
  }
  if (name === "--version" || name === "-V") {
    console.log(VERSION);
    return 0;
  }
  if (name === "help") {
    const [topic] = rest;
    console.log(topic === undefined ? programHelp() : commandHelp(find(topic)));
    return 0;
  }
  const command = find(name);
  if (rest.includes("--help") || rest.includes("-h")) {
    console.log(commandHelp(command));
    return 0;
  }
  const { flags, positionals } = command;
  const most = positionals.at(-1)?.endsWith("…")
    ? Infinity
    : positionals.length;
  const given = readArgs(rest, flags, most);
  const { run } = await command.load();
  return await run(given);
}

function find(name: string): Command {
  const command = COMMANDS.find((command) => command.name === name);
  if (command !== undefined) return command;
  const known = [...COMMANDS.map(({ name }) => name), "help"];
  const what = name.startsWith("-") ? "flag" : "command";
  throw new UsageError(`Unknown ${what} ${name}${didYouMean(name, known)}`);
}
