/**
 * What a fenced Worker loads before the user's code, where there is no `deno` to run a process with;
 * see `../stage.ts`. It acts when imported, as `process.ts` does.
 *
 * @module
 */
import type { FenceOptions, FromFence, ToFence } from "../_protocol.ts";
import { captureOutput } from "./_capture_output.ts";
import { refuseExit } from "./_refuse_exit.ts";
import type { LoadedCode } from "./_resolve_code.ts";
import { serve } from "./_serve.ts";

captureOutput();
refuseExit();

/** The part of a Worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: string): void;
  onmessage: (event: MessageEvent<ToFence>) => void;
}

/** Serves the main thread of the stage. */
export async function start(
  code: LoadedCode,
  options: FenceOptions,
): Promise<void> {
  const worker = globalThis as unknown as WorkerScope;
  const send = (message: FromFence) =>
    worker.postMessage(JSON.stringify(message));
  const received = new ReadableStream<ToFence>({
    start(queue) {
      worker.onmessage = ({ data }) => queue.enqueue(data);
    },
  });
  await serve(code, { send, received }, options);
}
