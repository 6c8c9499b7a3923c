/** What a run takes of the memory there is. */
export interface MemoryUse {
  /** The driver's name for the GPU. */
  readonly device: string;
  /** Bytes of the GPU's memory by what they are for. */
  readonly gpu: Readonly<Record<string, number>>;
  /** Bytes of the system's memory by what they are for. */
  readonly host: Readonly<Record<string, number>>;
  /** Whether the GPU's memory is the system's. */
  readonly shared: boolean;
  /** Bytes of the system's memory that are free. */
  readonly available: number;
}

/** One line: `"GPU memory: 412 MiB of 20.1 GiB free on llvmpipe: activations 310 MiB, …"`. */
export function summariseMemory(memory: MemoryUse): string {
  const { device, gpu, shared } = memory;
  const items = entries(gpu).map(([item, bytes]) => `${item} ${size(bytes)}`);
  const free = shared ? ` of ${size(memory.available)} free` : "";
  return `GPU memory: ${size(total(gpu))}${free} on ${device}: ${
    items.join(", ")
  }`;
}

/** A table of items, their sum, and what there is. */
export function describeMemory(memory: MemoryUse): string[] {
  const { device, gpu, host, shared, available } = memory;
  const place = shared ? `${device}, in the system's memory` : device;
  const needed = total(host) + (shared ? total(gpu) : 0);
  return [
    place,
    ...rows({ ...gpu, "in all": total(gpu) }),
    ...(shared ? [] : ["its own memory is not known to WebGPU", "system"]),
    ...rows({
      ...host,
      ...(shared && { "at most": needed }),
      "free": available,
    }),
  ];
}

function rows(items: Readonly<Record<string, number>>): string[] {
  const shown = Object.entries(items);
  return shown.map(([item, bytes]) =>
    `  ${item.padEnd(26)}${size(bytes).padStart(10)}`
  );
}

/** Largest first. */
function entries(items: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(items).sort(([, a], [, b]) => b - a);
}

function total(items: Readonly<Record<string, number>>): number {
  return Object.values(items).reduce((sum, bytes) => sum + bytes, 0);
}

/** `"1.53 GiB"`, `"12.0 MiB"`. */
function size(bytes: number): string {
  const [value, unit] = bytes >= 2 ** 30
    ? [bytes / 2 ** 30, "GiB"]
    : bytes >= 2 ** 20
    ? [bytes / 2 ** 20, "MiB"]
    : [bytes / 2 ** 10, "KiB"];
  return `${value < 100 ? value.toPrecision(3) : value.toFixed(0)} ${unit}`;
}
