import type { Flag, Flags } from "./args.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { programName } from "./program.ts";

/** What the program can do. */
export function programHelp(): string {
  const program = programName();
  return `ASTuner tunes the language model behind an agent by reinforcement learning.

Usage: ${program} COMMAND [FLAGS]

Commands:
${table(COMMANDS.map(({ name, summary }) => [name, summary]))}

${program} COMMAND --help says more about a command, --version prints the version.
Begin with: ${program} train`;
}

/** How a command is used. */
export function commandHelp(command: Command): string {
  const program = programName();
  const { name, description, positionals, flags, examples } = command;
  const arguments_ = positionals.map((positional) => ` [${positional}]`);
  return `${description}

Usage: ${program} ${name}${arguments_.join("")} [FLAGS]

Flags:
${table([...flagRows(flags), ["--help", "Print this"]])}

Examples:
${table(examples.map(([args, what]) => [`${program} ${args}`, what]))}`;
}

function flagRows(flags: Flags): [string, string][] {
  return Object.entries(flags).map(([name, flag]) => [
    `--${name}${valueOf(flag)}`,
    flag.description,
  ]);
}

function valueOf({ value, optional }: Flag): string {
  if (optional !== undefined) return `[=${optional}]`;
  return value === undefined ? "" : ` ${value}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
    .join("\n");
}
