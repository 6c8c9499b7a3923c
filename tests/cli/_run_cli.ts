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

/** Runs a line of bash in which `"$@"` is the program with `args`, as a user does without a terminal. */
export async function runShell(
  line: string,
  args: readonly string[],
): Promise<CliResult> {
  const program = [Deno.execPath(), "run", "-A", "--cached-only", CLI];
  return await run("bash", ["-c", line, "bash", ...program, ...args], {
    cwd: Deno.cwd(),
    env: {},
  });
}

/** Runs `cli.ts` as a user does: a process of its own, without a terminal. */
export async function runCli(
  args: readonly string[],
  { cwd = Deno.cwd(), env = {} }: RunCliOptions = {},
): Promise<CliResult> {
  const all = ["run", "-A", "--cached-only", CLI, ...args];
  return await run(Deno.execPath(), all, { cwd, env });
}

async function run(
  command: string,
  args: readonly string[],
  { cwd, env }: Required<RunCliOptions>,
): Promise<CliResult> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", ASTUNER_PROGRAM: "astuner", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
