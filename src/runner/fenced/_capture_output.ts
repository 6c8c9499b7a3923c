import { Console } from "node:console";
import process from "node:process";
import { Writable } from "node:stream";
import { scope } from "./_scope.ts";

/**
 * Routes what is printed from here on to the episode that prints it, and to standard error where
 * there is none, as while modules load.
 *
 * Covers `console`, `Deno.stdout` and `process.stdout`. A write to file descriptor 1 itself still
 * reaches standard output, where the reader of the protocol tells it apart.
 */
export function captureOutput(): void {
  const stream = printStream();
  Object.assign(console, new Console({ stdout: stream, stderr: stream }));
  for (const name of ["stdout", "stderr"] as const) {
    Object.defineProperty(process, name, { value: stream });
  }
  Object.defineProperties(Deno.stdout, {
    writeSync: { value: printBytes },
    write: { value: (bytes: Uint8Array) => Promise.resolve(printBytes(bytes)) },
    writable: { get: printWebStream },
  });
}

function print(text: string): void {
  const episode = scope.getStore();
  if (episode !== undefined) episode.print(text);
  else Deno.stderr.writeSync(new TextEncoder().encode(text));
}

function printBytes(bytes: Uint8Array): number {
  print(new TextDecoder().decode(bytes));
  return bytes.length;
}

function printStream(): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      print(String(chunk));
      done();
    },
  });
}

function printWebStream(): WritableStream<Uint8Array> {
  return new WritableStream({
    write(bytes) {
      printBytes(bytes);
    },
  });
}
