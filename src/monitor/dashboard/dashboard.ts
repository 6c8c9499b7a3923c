import { UserError } from "../../errors.ts";
import { Thread } from "../_thread.ts";
import type { RunEvent } from "../events.ts";
import type { Command, DashboardOptions, Report } from "./_protocol.ts";

/** Shows runs, finished or at work, in a browser, from a thread of its own. */
export class Dashboard implements AsyncDisposable {
  /** What to open: the address, and the token where one is needed. */
  readonly url: string;
  readonly #thread: Thread<Command, Report>;

  private constructor(thread: Thread<Command, Report>, url: string) {
    this.#thread = thread;
    this.url = url;
  }

  /**
   * Starts a dashboard of the runs in `directories`; dispose of it to stop it.
   *
   * @throws {UserError} If a directory has no records, or it cannot listen there.
   */
  static async start(
    directories: readonly string[],
    { host, port }: DashboardOptions = {},
  ): Promise<Dashboard> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      type: "module",
    });
    const thread = new Thread<Command, Report>(worker, "The dashboard");
    try {
      const options = {
        ...(host !== undefined && { host }),
        ...(port !== undefined && { port }),
      };
      const report = await thread.ask({ kind: "start", directories, options });
      if (report.kind === "started") return new Dashboard(thread, report.url);
      throw report.kind === "refused"
        ? new UserError(report.message)
        : new Error("The dashboard ended before it began");
    } catch (error) {
      await thread.end();
      throw error;
    }
  }

  /** Tells the open pages what the first run is doing. */
  show(event: RunEvent): void {
    this.#thread.post({ kind: "show", event });
  }

  /** Ends the open connections and closes the records. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Whatever failed in there was a page that did not show; the run that ends here is whole.
    await this.#thread.ask({ kind: "end" }).catch(() => {});
    await this.#thread.end();
  }
}
