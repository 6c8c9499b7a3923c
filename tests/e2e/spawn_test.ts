import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertEquals } from "../assert.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

/** Looks for processes that should have ended. */
const TRIES = 200;

/** A program in place of vLLM that leaves its process id, and a child's, and never answers. */
const scriptOf = (first: string) =>
  `#!/bin/sh
${first}
sleep 600 &
echo "$$ $!" > "$(dirname "$0")/pids.new"
mv "$(dirname "$0")/pids.new" "$(dirname "$0")/pids"
wait
`;

/** Starts the command, which starts a server, signals it once that is there, and waits for its end. */
async function interrupted(
  args: readonly string[],
  signals: readonly Deno.Signal[],
  first = "",
): Promise<{ readonly code: number; readonly left: readonly number[] }> {
  const folder = await Deno.makeTempDir();
  try {
    const program = join(folder, "vllm");
    await Deno.writeTextFile(program, scriptOf(first));
    await Deno.chmod(program, 0o755);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--cached-only", CLI, ...args],
        ...["--set", "engine.kind=vllm"],
        ...["--set", `engine.spawn.command=["${program}"]`],
        ...["--set", `engine.spawn.port=${freePort()}`],
      ],
      cwd: folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const pids = await pidsIn(join(folder, "pids"));
    for (const signal of signals) child.kill(signal);
    const { code } = await child.status;
    return { code, left: await survivors(pids) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function pidsIn(file: string): Promise<number[]> {
  for (;;) {
    try {
      return (await Deno.readTextFile(file)).trim().split(" ").map(Number);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Those that do not end; what is killed may need a moment until it is gone. */
async function survivors(pids: readonly number[]): Promise<number[]> {
  for (let tries = 0;; tries++) {
    const alive = await Promise.all(pids.map(isAlive));
    const left = pids.filter((_, at) => alive[at]);
    if (left.length === 0 || tries === TRIES) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether a process runs; one that has ended may still be listed, until its new parent has noticed. */
async function isAlive(pid: number): Promise<boolean> {
  const args = ["-o", "stat=", "-p", `${pid}`];
  const { stdout } = await new Deno.Command("ps", { args }).output();
  return /^[^Z]/.test(new TextDecoder().decode(stdout).trim());
}

for (
  const [name, args] of [
    ["train", ["train", "--run-dir", "run"]],
    ["train --backbone=debug", ["train", "--backbone=debug"]],
    ["eval", ["eval"]],
    ["serve", ["serve", "--port", "0"]],
    ["chat", ["chat"]],
  ] as const
) {
  Deno.test({
    name:
      `${name} ends at one Ctrl-C, or SIGTERM, while a server that it started is not ready, and ends that`,
    ignore: Deno.build.os === "windows",
    async fn() {
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const ended = await interrupted(args, [signal]);
        assertEquals(ended, { code: 130, left: [] });
      }
    },
  });
}

Deno.test({
  name:
    "train leaves no server behind that does not end when it is asked to, at another Ctrl-C",
  ignore: Deno.build.os === "windows",
  async fn() {
    const signals = ["SIGINT", "SIGTERM"] as const;
    const ended = await interrupted(["train"], signals, "trap '' TERM");
    assertEquals(ended, { code: 130, left: [] });
  },
});
