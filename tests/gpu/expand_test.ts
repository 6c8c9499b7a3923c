import { expand } from "../../src/gpu/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";

/** Joins the lines of a template, without those that are blank. */
function lines(text: string): string {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).join("\n");
}

function expanded(
  source: string,
  parameters: Parameters<typeof expand>[1] = {},
): string {
  return lines(expand(lines(source), parameters));
}

Deno.test("expand() replaces names and expressions, and leaves the rest alone", () => {
  assertEquals(
    expanded(
      "var $T: array<$TYPE, $(4 * N)>; // $(H + 2 * (K - 1)), cost: 5",
      { T: "tile", TYPE: "vec4f", N: 3, H: 6, K: 2 },
    ),
    "var tile: array<vec4f, 12>; // 8, cost: 5",
  );
  assertEquals(expanded("plain WGSL", {}), "plain WGSL");
});

Deno.test("expand() repeats nested loops, each variable in its own scope", () => {
  const source = `
    //! for i in 0..N
    row $i
    //! for j in i..2 * i + 1
    cell $(i)_$j = $(10 * i + j)
    //! end
    //! end
    //! for i in 7..8
    after $i
    //! end`;
  assertEquals(
    expanded(source, { N: 3 }),
    lines(`
      row 0
      cell 0_0 = 0
      row 1
      cell 1_1 = 11
      cell 1_2 = 12
      row 2
      cell 2_2 = 22
      cell 2_3 = 23
      cell 2_4 = 24
      after 7`),
  );
});

Deno.test("expand() gives a parameter back its value after a loop of the same name", () => {
  const source = `
    $i
    //! for i in 0..2
    $i
    //! end
    $i`;
  assertEquals(expanded(source, { i: 9 }), "9\n0\n1\n9");
});

Deno.test("expand() drops the body of a loop that runs zero times, names and all", () => {
  const source = `
    before
    //! for i in 0..N
    $UNKNOWN $i
    //! if ALSO_UNKNOWN
    //! end
    //! end
    after`;
  assertEquals(expanded(source, { N: 0 }), "before\nafter");
});

Deno.test("expand() keeps the branch that is taken, at any depth", () => {
  const source = `
    //! if A
    a
    //! if B
    b
    //! else
    not b
    //! end
    //! else
    not a
    //! if B && N > 2
    only b
    //! end
    //! end`;
  assertEquals(expanded(source, { A: 1, B: 0, N: 3 }), "a\nnot b");
  assertEquals(expanded(source, { A: 1, B: 1, N: 3 }), "a\nb");
  assertEquals(expanded(source, { A: 0, B: 1, N: 3 }), "not a\nonly b");
  assertEquals(expanded(source, { A: 0, B: 1, N: 2 }), "not a");
});

Deno.test("expand() does not look into a branch that is not taken", () => {
  const source = `
    //! if OLD
    $UNKNOWN
    //! for i in 0..UNKNOWN
    $i
    //! end
    //! else
    new
    //! end`;
  assertEquals(expanded(source, { OLD: 0 }), "new");
});

Deno.test("expand() names the line of a mistake", () => {
  const cases: readonly [string, string][] = [
    ["fine\nx = $MISSING;", "Unknown name 'MISSING' at line 2"],
    ["x = $(1 + MISSING);", "'MISSING' is not a number"],
    ["\n\nx = $(1 +);", "at line 3"],
    ["a\n//! for i in 0..2\n$i", "The directive at line 2 has no end"],
    ["//! if 1\na\n//! else\nb", "The directive at line 1 has no end"],
    ["a\n//! end", "Unexpected directive at line 2"],
    ["a\n//! for i of 3\n//! end", "Malformed loop at line 2: i of 3"],
    ["//! if X > 1\n//! end", "'X' is not a number in 'X > 1' at line 1"],
    ["//! for i in 0..N\n//! end", "'N' is not a number"],
    ["a\n//! repeat 3\nb", "Unexpected directive at line 2"],
  ];
  for (const [source, message] of cases) {
    assertThrows(() => expand(source, { TYPE: "f32" }), SyntaxError, message);
  }
});

Deno.test("expand() refuses an expression nested deeper than it reads, instead of leaving it", () => {
  assertEquals(expand("$((a + 1) * (a + 2))", { a: 1 }), "6");
  for (const text of ["$(((a + 1) * 2 + 1) * 3)", "cost: 5 $", "$(a"]) {
    assertThrows(
      () => expand(`a\n${text}`, { a: 1 }),
      SyntaxError,
      "follows '$' at line 2",
    );
  }
});
