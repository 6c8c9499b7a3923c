import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

/** What a run of the program left behind. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@linkcode runCli}. */
export interface RunCliOptions {
  /** @default the current folder */
  readonly cwd?: string;
  /** Variables on top of this process's own. @default none */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `cli.ts` as a user does: a process of its own, without a terminal. */
export async function runCli(
  args: readonly string[],
  { cwd = Deno.cwd(), env = {} }: RunCliOptions = {},
): Promise<CliResult> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", CLI, ...args],
    cwd,
    env: { NO_COLOR: "1", ASTUNER_PROGRAM: "astuner", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
