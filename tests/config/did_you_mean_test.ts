import { didYouMean } from "../../src/did_you_mean.ts";
import { assertEquals } from "../assert.ts";

Deno.test("didYouMean() suggests the closest candidate", () => {
  const candidates = ["steps", "seed", "epochs"];
  assertEquals(didYouMean("step", candidates), '; did you mean "steps"?');
  assertEquals(didYouMean("sede", candidates), '; did you mean "seed"?');
});

Deno.test("didYouMean() suggests nothing that is not close", () => {
  assertEquals(didYouMean("learning_rate", ["steps", "seed"]), "");
  assertEquals(didYouMean("a", []), "");
});
