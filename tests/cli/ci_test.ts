import { fileURLToPath } from "node:url";
import { assertEquals } from "../assert.ts";
import { TestFolder } from "../config/_files.ts";

const CI = fileURLToPath(new URL("../../.ci/run", import.meta.url));

/** Runs CI over a checkout whose tests print `output` and end with `code`; returns its last line. */
async function lastLine(
  output: string,
  code: number,
): Promise<[string, number]> {
  using folder = new TestFolder({
    "astuner":
      `#!/bin/sh\n[ "$1" = test ] && printf '%s\\n' '${output}'\nexit ${code}\n`,
    ".ci/run": Deno.readTextFileSync(CI),
  });
  for (const file of ["astuner", ".ci/run"]) {
    Deno.chmodSync(`${folder.path}/${file}`, 0o755);
  }
  const result = await new Deno.Command(`${folder.path}/.ci/run`).output();
  const lines = new TextDecoder().decode(result.stdout).trimEnd().split("\n");
  return [lines.at(-1)!, result.code];
}

Deno.test(".ci/run ends with the count of tests, and with their exit code", async () => {
  assertEquals(
    await lastLine("ok | 120 passed (3 steps) | 0 failed | 2 ignored (41s)", 0),
    ["120 passed, 0 failed", 0],
  );
  assertEquals(
    await lastLine("FAILED | 5 passed | 12 failed (2s)", 1),
    ["5 passed, 12 failed", 1],
  );
  assertEquals(
    await lastLine(
      "ok | 16 passed | 0 failed (9s)\nok | 4 passed | 0 failed (2s)",
      0,
    ),
    ["20 passed, 0 failed", 0],
  );
});

Deno.test(".ci/run counts a failed check, and tests that never ran, as a failure", async () => {
  assertEquals(
    await lastLine("error: not formatted\nok | 7 passed | 0 failed (2s)", 1),
    ["7 passed, 1 failed", 1],
  );
  assertEquals(await lastLine("no Deno", 2), ["0 passed, 1 failed", 1]);
});
