import { ModelError } from "../../src/errors.ts";
import { parseSafetensorsHeader } from "../../src/model/_safetensors_header.ts";
import { assertTrue } from "../assert.ts";
import { GOLDEN_FILES } from "./_golden_weights.ts";

const MUTATIONS = 6000;

/** Pieces that a hostile header is likely to be made of. */
const PIECES = [
  '"dtype":"F32"',
  '"shape":[9007199254740991,9007199254740991]',
  '"shape":[-1]',
  '"data_offsets":[0,0]',
  '"data_offsets":[4294967296,0]',
  '"__metadata__":{"a":"b"}',
  '"__proto__":{"dtype":"F32"}',
  "null",
  "1e308",
  "[[[[[[[[",
  '{"":',
  "}",
  ",",
  '"',
  "\\",
  "\u0000",
  "\ud83d",
];

Deno.test("parseSafetensorsHeader() ends every mutated header in a ModelError or a valid result", () => {
  const draw = randomNumbers(1);
  let valid = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const { bytes } = GOLDEN_FILES[i % GOLDEN_FILES.length]!;
    const headerSize = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = mutated(bytes.slice(8, 8 + headerSize), draw);
    const fileSize = 8 + header.length + (bytes.length - 8 - headerSize) +
      (draw(8) === 0 ? draw(64) - 32 : 0);
    if (accepted(header, fileSize)) valid++;
  }
  // Mutations of names, padding and metadata do no harm; of the rest, few may get through.
  assertTrue(valid > 0 && valid < MUTATIONS / 2, `${valid} were accepted`);
});

/** Whether the header was accepted; what it says then is checked from scratch. */
function accepted(header: Uint8Array, fileSize: number): boolean {
  let end = 8 + header.length;
  try {
    const { tensors } = parseSafetensorsHeader(header, { file: "x", fileSize });
    const inOrder = [...tensors.values()].sort((a, b) =>
      a.offset - b.offset || a.byteLength - b.byteLength
    );
    for (const { offset, byteLength, shape } of inOrder) {
      assertTrue(offset === end && byteLength >= 0);
      assertTrue(
        byteLength % shape.reduce((a, b) => a * b, 1) === 0 || byteLength === 0,
      );
      end += byteLength;
    }
  } catch (error) {
    if (error instanceof ModelError) return false;
    throw error;
  }
  assertTrue(end === fileSize);
  return true;
}

/** A copy with one to three bytes flipped, pieces put in, parts cut out, doubled or swapped. */
function mutated(
  header: Uint8Array,
  draw: (below: number) => number,
): Uint8Array {
  let bytes = [...header];
  for (let rounds = 1 + draw(3); rounds > 0; rounds--) {
    const at = draw(bytes.length);
    const length = draw(20);
    const part = bytes.slice(at, at + length);
    switch (draw(5)) {
      case 0:
        bytes[at] = draw(256);
        break;
      case 1:
        bytes.splice(
          at,
          draw(2) * length,
          ...new TextEncoder().encode(PIECES[draw(PIECES.length)]),
        );
        break;
      case 2:
        bytes.splice(at, length);
        break;
      case 3:
        bytes.splice(draw(bytes.length), 0, ...part);
        break;
      default:
        bytes = bytes.map((byte, i) =>
          // Digits become other digits, so that sizes and offsets lie.
          i >= at && i < at + length && byte >= 0x30 && byte <= 0x39
            ? 0x30 + draw(10)
            : byte
        );
    }
  }
  return Uint8Array.from(bytes);
}

/** Natural numbers below a bound, the same ones for the same seed (xorshift, 32 bits). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
}
