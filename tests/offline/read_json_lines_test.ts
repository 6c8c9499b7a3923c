import { DataError } from "../../src/errors.ts";
import { readJsonLines } from "../../src/offline/mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";

Deno.test("readJsonLines() counts blank lines, and takes a last one without an end", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, '{"a":1}\r\n\n{"b":"ü"}');
    const read = await Array.fromAsync(readJsonLines(path));
    assertEquals(read.map(({ fields }) => fields), [{ a: 1 }, { b: "ü" }]);
    assertEquals(read.map(({ where }) => where), [`${path}:1`, `${path}:3`]);
    await Deno.writeTextFile(path, '{"a":1}\n[1]\n');
    await assertRejects(
      () => Array.fromAsync(readJsonLines(path)),
      DataError,
      `${path}:2: the line must be a JSON object`,
    );
    await Deno.writeFile(path, new Uint8Array([0x7b, 0xff, 0x7d]));
    await assertRejects(
      () => Array.fromAsync(readJsonLines(path)),
      DataError,
      `${path}: the file is not UTF-8 text`,
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readJsonLines() gives up on a line that has no end, before memory does", async () => {
  const path = await Deno.makeTempFile();
  try {
    using file = await Deno.open(path, { write: true });
    await file.write(new TextEncoder().encode("{}\n"));
    // A hole: it takes no room on the disk.
    await file.truncate(2 ** 27);
    await assertRejects(
      () => Array.fromAsync(readJsonLines(path)),
      DataError,
      `${path}:2: the line has more than ${2 ** 26} characters`,
    );
  } finally {
    await Deno.remove(path);
  }
});
