import type { ServeConfig } from "../config/mod.ts";
import { localModel } from "../launcher/mod.ts";
import type { DownloadProgress } from "../model/hub/mod.ts";

/** Milliseconds from one line about a download to the next, where there is no terminal. */
const QUIET = 10_000;

/**
 * `config` with its model on this machine; a download is shown on standard error.
 *
 * @throws {ModelError} If the Hub has no such model, does not show it, or cannot be reached.
 */
export async function localConfig<C extends ServeConfig>(
  config: C,
): Promise<C> {
  return await localModel(config, downloadView());
}

/** Shows a download: one line that changes on a terminal, else a line now and then. */
export function downloadView(): (progress: DownloadProgress) => void {
  const terminal = Deno.stderr.isTerminal();
  const began = performance.now();
  let shown = -Infinity;
  let first: number | undefined;
  return ({ id, done, total }) => {
    // What was there before says nothing about the rate.
    first ??= done;
    const now = performance.now();
    if (done < total && now - shown < (terminal ? 100 : QUIET)) return;
    shown = now;
    const rate = (done - first) / (now - began) * 1000;
    const left = rate > 0 ? `${Math.round((total - done) / rate)} s left` : "";
    const line = `Downloading ${id}: ${megabytes(done)} of ${
      megabytes(total)
    } MB  ${megabytes(rate)} MB/s  ${left}`;
    write(
      terminal ? `\r\x1b[K${line}${done < total ? "" : "\n"}` : `${line}\n`,
    );
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0);
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
