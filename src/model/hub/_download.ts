import { createHash } from "node:crypto";
import { ModelError } from "../../errors.ts";
import { exists } from "../_files.ts";
import { writeAll } from "../_replace_file.ts";
import { ATTEMPTS, pause } from "./_retry.ts";
import {
  type HubClient,
  type HubFile,
  type HubRevision,
  HubUnreachable,
} from "./hub_client.ts";

/** What is downloaded, and how. */
export interface DownloadOptions {
  readonly client: HubClient;
  readonly from: HubRevision;
  readonly file: string;
  /** What the Hub says of it. */
  readonly expected: HubFile;
  /** Told of bytes that were written; fewer than 0 where some had to be given up. */
  readonly onBytes: (bytes: number) => void;
  /** Milliseconds before the second of several attempts; doubled each time. */
  readonly retryDelay: number;
  /** Milliseconds without a byte after which an attempt is given up. */
  readonly patience: number;
}

/**
 * Downloads a file to `path`, which it takes when it is complete and its checksum right. What an earlier
 * attempt has left, in this program or another, is gone on with.
 *
 * @throws {ModelError} If the server cannot be reached, or what it sends is not the file.
 */
export async function download(
  path: string,
  options: DownloadOptions,
): Promise<void> {
  const partial = `${path}.incomplete`;
  using file = await Deno.open(partial, {
    read: true,
    write: true,
    create: true,
  });
  // Another program may be downloading the same file, and be done once it lets go.
  await file.lock(true);
  if (await exists(path)) return;
  const { expected } = options;
  let size = (await file.stat()).size;
  if (size > expected.size) {
    await file.truncate(0);
    size = 0;
  }
  options.onBytes(size);
  for (let failures = 0; size < expected.size;) {
    const before = size;
    try {
      size = await fetchRest(file, size, options);
      if (size < expected.size) throw new HubUnreachable("The answer was cut");
    } catch (error) {
      if (!(error instanceof HubUnreachable)) throw error;
      size = (await file.stat()).size;
      failures = size > before ? 1 : failures + 1;
      if (failures === ATTEMPTS) throw error;
      await pause(error, { failures, retryDelay: options.retryDelay });
    }
  }
  await file.sync();
  if (!await isIntact(partial, size, expected)) {
    await Deno.remove(partial);
    throw new ModelError(
      `What the Hub sent as ${options.file} of ${options.from.id} is not that file: ` +
        `its checksum is wrong; try again`,
    );
  }
  await Deno.rename(partial, path);
}

/** Appends what the server sends; returns the size then. */
async function fetchRest(
  file: Deno.FsFile,
  size: number,
  { client, from, file: name, expected, onBytes, patience }: DownloadOptions,
): Promise<number> {
  const { start, body } = await client.open(from, name, size);
  if (start < size) {
    await file.truncate(start);
    onBytes(start - size);
  }
  await file.seek(start, Deno.SeekMode.Start);
  let written = start;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await readSoon(reader, patience);
      if (done) return written;
      await writeAll(file, value);
      written += value.length;
      onBytes(value.length);
      if (written > expected.size) return written;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function readSoon(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  patience: number,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  const silence = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => silence.reject(new Error(`nothing came for ${patience / 1000} s`)),
    patience,
  );
  try {
    return await Promise.race([reader.read(), silence.promise]);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new HubUnreachable(`The answer broke off: ${reason}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the file has its size, and the checksum that its ETag is, where it is one. */
async function isIntact(
  path: string,
  size: number,
  { etag, size: expected }: HubFile,
): Promise<boolean> {
  if (size !== expected) return false;
  const isSha256 = /^[0-9a-f]{64}$/.test(etag);
  if (!isSha256 && !/^[0-9a-f]{40}$/.test(etag)) return true;
  const hash = createHash(isSha256 ? "sha256" : "sha1");
  // Git's name of a file is the hash of this header and its content.
  if (!isSha256) hash.update(`blob ${size}\0`);
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex") === etag;
}
