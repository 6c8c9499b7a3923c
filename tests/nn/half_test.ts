import { pack, unpack } from "../../src/nn/half.ts";
import { assertEquals } from "../assert.ts";

Deno.test("pack() rounds to the nearest half, ties to even, and unpack() gives it back", () => {
  const values = Float32Array.of(
    1,
    -2.5,
    0,
    65504,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    1 + 2 ** -8,
    1 + 3 * 2 ** -8,
  );
  const rounded = (type: "f16" | "bf16") => [
    ...unpack(pack(values, type).buffer as ArrayBuffer, type),
  ];
  assertEquals(rounded("f16"), [
    1,
    -2.5,
    0,
    65504,
    1,
    1 + 2 ** -9,
    1 + 2 ** -8,
    1 + 3 * 2 ** -8,
  ]);
  assertEquals(rounded("bf16"), [
    1,
    -2.5,
    0,
    65536,
    1,
    1,
    1,
    1 + 2 ** -6,
  ]);
  assertEquals(
    unpack(pack(values, "f32").buffer as ArrayBuffer, "f32"),
    values,
  );
});
