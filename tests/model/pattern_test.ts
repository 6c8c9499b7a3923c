import { Pattern } from "../../src/model/_pattern.ts";
import { PatternError } from "../../src/model/_pattern_steps.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import golden from "../golden/patterns/patterns.json" with { type: "json" };

Deno.test("Pattern.matches() says what Python's re.fullmatch says", () => {
  for (const { pattern, matched } of golden.cases) {
    const known = new Pattern(pattern);
    const found = golden.texts.filter((text) => known.matches(text));
    assertEquals(found, matched, pattern);
  }
});

Deno.test("Pattern refuses what is no pattern in Python, and what it has not", () => {
  for (const pattern of [...golden.wrong, ...golden.unsupported]) {
    const error = assertThrows(() => new Pattern(pattern), PatternError);
    assertEquals(/^has .+ at character \d+$/.test(error.message), true);
  }
});

Deno.test("Pattern takes no exponential time, nor steps without end", () => {
  const text = `model.layers.0.${"a".repeat(200)}!`;
  const hostile = [
    "(a+)+b",
    "(.*)*b",
    "(?:.*a){30}b",
    `${".*".repeat(60)}b`,
    "(?:(?:(?:.*)*c)*d)*b",
    `${"(?=.*a)".repeat(30)}b`,
    "(?:(?=(?:.*a)*b)|.)*b",
  ];
  for (const pattern of hostile) {
    assertEquals(new Pattern(pattern).matches(text), false, pattern);
  }
  const endless = [
    "a{6000}",
    "((a{1000}){1000}){1000}",
    "((){5000}){5000}",
    "(?:(?:a{0}){4000}){4000}",
    "(".repeat(10_000),
    `${"a|".repeat(10_000)}b`,
  ];
  for (const pattern of endless) {
    assertThrows(() => new Pattern(pattern), PatternError);
  }
});
