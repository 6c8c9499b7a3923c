import type { Args, Flags } from "./args.ts";

/** A command of the program, as far as it is known without loading it. */
export interface Command {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** What it does, for its own help. */
  readonly description: string;
  /**
   * Names of the arguments that are no flags, all of them optional; one that ends in "…" may be
   * repeated.
   */
  readonly positionals: readonly string[];
  readonly flags: Flags;
  /** Arguments after the program's name, each with what they do. */
  readonly examples: readonly (readonly [args: string, what: string])[];
  /** Loads the code that runs it. */
  readonly load: () => Promise<CommandModule>;
}

/** What the file of a command exports. */
export interface CommandModule {
  /** Runs the command, and returns the exit code. */
  readonly run: (args: Args) => Promise<number>;
}
