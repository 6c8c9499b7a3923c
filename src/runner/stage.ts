import { ignoreInterrupts, lineWriter, stdinMessages } from "./_stdio.ts";
import type { ToFence } from "./_protocol.ts";

/** What the `__stage` command is told: a Worker's main module, and what that may reach. */
export interface Stage {
  /** Opens each line on standard output. */
  readonly marker: string;
  /** The Worker's main module, as a URL. */
  readonly entry: string;
  /** Hosts that it may reach. */
  readonly net: readonly string[];
  /** Folders and files that it may read. */
  readonly read: readonly string[];
}

/** `WorkerOptions` with Deno's permissions, which need `--unstable-worker-options`. */
interface FencedWorkerOptions extends WorkerOptions {
  readonly deno: {
    readonly permissions: Readonly<Record<string, boolean | readonly string[]>>;
  };
}

/**
 * Fences user code where there is no `deno` to run a process with: in the compiled program.
 *
 * The program starts itself once more with `__stage` and this argument. The new process, which can
 * be killed, runs user code in a Worker with few permissions, and its main thread passes messages
 * between that and standard input and output. The caller ends the process once this returns, since
 * a Worker in a hot loop would keep it alive.
 *
 * @returns The exit code: 0 once the program hangs up, 1 if the user's code does not load.
 */
export async function stage(argument: string): Promise<number> {
  const { marker, entry, net, read }: Stage = JSON.parse(argument);
  ignoreInterrupts();
  const write = lineWriter();
  const options: FencedWorkerOptions = {
    type: "module",
    deno: {
      permissions: {
        net,
        read,
        // The process was started with the allowed variables alone.
        env: true,
        ffi: false,
        import: false,
        run: false,
        sys: false,
        write: false,
      },
    },
  };
  const worker = new Worker(entry, options);
  worker.onmessage = ({ data }) => write(marker + data);
  const failed = new Promise<number>((resolve) => {
    // Deno prints what went wrong on standard error, where the program reads it.
    worker.onerror = (event) => {
      event.preventDefault();
      resolve(1);
    };
  });
  const hungUp = relay(worker);
  const code = await Promise.race([failed, hungUp]);
  worker.terminate();
  return code;
}

async function relay(worker: Worker): Promise<number> {
  for await (const message of stdinMessages<ToFence>()) {
    worker.postMessage(message);
  }
  return 0;
}
