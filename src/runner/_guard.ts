/** What a guard runs: nothing but the end of its standard input tells it that its parent is gone. */
const sourceOf = (pid: number) => `
const said = await new Response(Deno.stdin.readable).text();
if (said === "") {
  try { Deno.kill(${pid}, "SIGKILL"); } catch {}
}`;

/**
 * Ends a process when this one dies, in a process of its own: one that stands still in a debugger
 * does not see its standard input end.
 */
export class Guard implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  /** @param pid The process to end. */
  constructor(pid: number) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-config",
        "--no-prompt",
        "--quiet",
        "--allow-run",
        `data:text/javascript,${encodeURIComponent(sourceOf(pid))}`,
      ],
      // Ctrl-C on the terminal is not for it.
      detached: true,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Leaves the process alone, which has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const input = this.#child.stdin.getWriter();
    await input.write(new TextEncoder().encode("done")).catch(() => {});
    await input.close().catch(() => {});
    await this.#child.status;
  }
}
