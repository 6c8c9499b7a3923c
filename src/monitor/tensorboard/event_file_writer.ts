import { join } from "node:path";
import type { RunEvent } from "../events.ts";
import { explainWrite } from "../explain_write.ts";
import { joined, scalarsEvent, versionEvent } from "./_event.ts";
import { crc32c } from "./crc32c.ts";

/** What a TFRecord adds to a checksum, so that checksums of checksums do not cancel out. */
const MASK = 0xa282ead8;

/** How an `EventFileWriter` writes. */
export interface EventFileWriterOptions {
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
}

/** Appends the scalars of a run to an event file of TensorBoard. */
export class EventFileWriter implements Disposable {
  /** Path of the file. */
  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #now: () => number;

  private constructor(path: string, file: Deno.FsFile, now: () => number) {
    this.path = path;
    this.#file = file;
    this.#now = now;
  }

  /**
   * Starts a new file in `folder`; TensorBoard shows the files of a folder as one run.
   *
   * @throws {UserError} If it cannot be written.
   */
  static async create(
    folder: string,
    { now = Date.now }: EventFileWriterOptions = {},
  ): Promise<EventFileWriter> {
    const name = `events.out.tfevents.${
      Math.floor(now() / 1000)
    }.astuner.${Deno.pid}`;
    const path = join(folder, name);
    const file = await explainWrite(path, async () => {
      await Deno.mkdir(folder, { recursive: true });
      return await Deno.open(path, { append: true, create: true });
    });
    const writer = new EventFileWriter(path, file, now);
    writer.#append(versionEvent(now() / 1000));
    return writer;
  }

  /** Appends the numbers of a step; those that are not finite are left out. */
  write(step: number, scalars: Readonly<Record<string, number>>): void {
    const finite = Object.fromEntries(
      Object.entries(scalars).filter(([, value]) => Number.isFinite(value)),
    );
    this.#append(scalarsEvent(step, this.#now() / 1000, finite));
  }

  /** Appends what an event of the run measured, if it measured anything. */
  show(event: RunEvent): void {
    if (event.event === "step") {
      this.write(event.step, numbersOf(event, "train"));
    }
    if (event.event === "evaluation") {
      this.write(event.step, numbersOf(event, "eval"));
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** Frames a record: its length, the length's checksum, the record, its checksum. */
  #append(record: Uint8Array): void {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(record.length), true);
    const framed = joined([length, masked(length), record, masked(record)]);
    for (let sent = 0; sent < framed.length;) {
      sent += this.#file.writeSync(framed.subarray(sent));
    }
  }
}

function masked(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes);
  const rotated = ((crc >>> 15) | (crc << 17)) >>> 0;
  const checksum = new Uint8Array(4);
  new DataView(checksum.buffer).setUint32(0, (rotated + MASK) >>> 0, true);
  return checksum;
}

/** All numbers in an event, but for its step; those within an object as `NAME/PART`. */
function numbersOf(
  { event: _, step: __, ...record }: RunEvent & { readonly step: number },
  prefix: string,
): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === "number") numbers[`${prefix}/${name}`] = value;
    if (typeof value !== "object" || value === null) continue;
    for (const [part, number] of Object.entries(value)) {
      numbers[`${name}/${part}`] = Number(number);
    }
  }
  return numbers;
}
