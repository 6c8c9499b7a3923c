/**
 * Command line: what a user types, turned into calls of the rooms below.
 *
 * `main` finds the command in a table, reads its flags, and runs it; each command is a file that is
 * loaded only when it is asked for, so `--help` is instant. This room prints messages and chooses
 * the exit code: 0 where all went well, 2 for a user's mistake, 1 for a bug or a failed test, 130
 * where the user stopped the program. Training, engines and files belong to others.
 *
 * @module
 */
export { main } from "./main.ts";
