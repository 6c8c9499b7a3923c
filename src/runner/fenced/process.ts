/**
 * What a fenced process loads before the user's code; see `_fence_command.ts` for its entry.
 *
 * It acts when imported: once user modules load, what they print must already be captured.
 *
 * @module
 */
import type { FenceOptions, FromFence, ToFence } from "../_protocol.ts";
import { ignoreInterrupts, lineWriter, stdinMessages } from "../_stdio.ts";
import { captureOutput } from "./_capture_output.ts";
import { refuseExit } from "./_refuse_exit.ts";
import type { LoadedCode } from "./_resolve_code.ts";
import { serve } from "./_serve.ts";

ignoreInterrupts();
const write = lineWriter();
const exit = Deno.exit;
captureOutput();
refuseExit();

/** Serves the program at the other end of standard input and output, then ends the process. */
export async function start(
  code: LoadedCode,
  options: FenceOptions,
): Promise<void> {
  const send = (message: FromFence) =>
    write(options.marker + JSON.stringify(message));
  const received = stdinMessages<ToFence>();
  await serve(code, { send, received }, options);
  exit(0);
}
