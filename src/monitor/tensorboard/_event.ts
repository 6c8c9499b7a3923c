/** Kinds of fields in a protocol buffer. */
const VARINT = 0;
const DOUBLE = 1;
const BYTES = 2;
const FLOAT = 5;

/** The first event of a file: which format the others have. */
export function versionEvent(seconds: number): Uint8Array {
  const version = new TextEncoder().encode("brain.Event:2");
  return joined([double(1, seconds), bytes(3, version)]);
}

/**
 * Scalars of a step as TensorBoard's `Event`: `wall_time` 1, `step` 2, `summary` 5, whose `value` 1
 * has `tag` 1 and `simple_value` 2.
 */
export function scalarsEvent(
  step: number,
  seconds: number,
  scalars: Readonly<Record<string, number>>,
): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, joined([bytes(1, new TextEncoder().encode(tag)), float(2, value)]))
  );
  return joined([
    double(1, seconds),
    key(2, VARINT),
    varint(step),
    bytes(5, joined(values)),
  ]);
}

function key(field: number, kind: number): Uint8Array {
  return varint(field * 8 + kind);
}

function varint(value: number): Uint8Array {
  const groups: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    groups.push(rest % 128 + 128);
  }
  return Uint8Array.of(...groups, rest);
}

function bytes(field: number, content: Uint8Array): Uint8Array {
  return joined([key(field, BYTES), varint(content.length), content]);
}

function double(field: number, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return joined([key(field, DOUBLE), new Uint8Array(view.buffer)]);
}

function float(field: number, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return joined([key(field, FLOAT), new Uint8Array(view.buffer)]);
}

/** The parts one behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
