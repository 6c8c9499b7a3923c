import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { DataError } from "../../src/errors.ts";
import {
  readTasks,
  type ReadTasksOptions,
  type TaskMessage,
} from "../../src/reader/mod.ts";

/** Writes files into a folder of their own, runs `body` there and removes it. */
async function inFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string"
        ? new TextEncoder().encode(content)
        : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function lines(...rows: readonly unknown[]): string {
  return rows.map((row) => JSON.stringify(row) + "\n").join("");
}

/** Fails unless reading `content` is refused with a message that matches. */
async function assertRefused(
  content: string | Uint8Array,
  pattern: string | RegExp,
  options: Partial<ReadTasksOptions> = {},
): Promise<void> {
  await inFolder({ "tasks.jsonl": content }, async (folder) => {
    const source = `${folder}/tasks.jsonl`;
    const error = await assertRejects(
      () => readTasks({ source, ...options }),
      DataError,
      pattern,
    );
    assertTrue(!error.message.endsWith("."), error.message);
  });
}

Deno.test("readTasks() keeps known fields and makes metadata of the rest", async () => {
  const messages: TaskMessage[] = [
    { role: "system", content: "Be brief" },
    { role: "user", content: "Add 2 and 3" },
  ];
  const content = lines(
    { id: 7, query: "2 + 3?", answer: 5, level: "easy" },
    { messages, metadata: { answer: 5 }, hint: null },
  ).replace("\n", "\r\n\r\n  \n");
  await inFolder({ "tasks.jsonl": "\ufeff" + content }, async (folder) => {
    const { train, validation } = await readTasks({
      source: `${folder}/tasks.jsonl`,
    });
    assertEquals(validation, []);
    assertEquals(train, [
      {
        split: "train",
        id: "7",
        query: "2 + 3?",
        metadata: { answer: 5, level: "easy" },
      },
      {
        split: "train",
        id: "4",
        query: "Add 2 and 3",
        messages,
        metadata: { hint: null, answer: 5 },
      },
    ]);
  });
});

Deno.test("readTasks() splits by key, in file order", async () => {
  const content = lines(
    { query: "a", part: "train" },
    { query: "b", part: "validation" },
    { query: "c" },
  );
  await inFolder({ "tasks.jsonl": content }, async (folder) => {
    const { train, validation } = await readTasks({
      source: `${folder}/tasks.jsonl`,
      splitKey: "part",
    });
    assertEquals(train.map(({ query }) => query), ["a", "c"]);
    assertEquals(validation.map(({ query }) => query), ["b"]);
  });
});

Deno.test("readTasks() splits by file", async () => {
  const files = {
    "train.jsonl": lines({ query: "a" }),
    "held_out.jsonl": lines({ query: "b" }),
  };
  await inFolder(files, async (folder) => {
    const { train, validation } = await readTasks({
      source: `${folder}/train.jsonl`,
      validation: new URL(`file://${folder}/held_out.jsonl`),
    });
    assertEquals(train.map(({ query, split }) => [query, split]), [
      ["a", "train"],
    ]);
    assertEquals(validation.map(({ query, split }) => [query, split]), [
      ["b", "validation"],
    ]);
  });
});

Deno.test("readTasks() splits by ratio: the seed decides, nothing is lost, order is kept", async () => {
  const content = lines(
    ...Array.from({ length: 20 }, (_, index) => ({ query: String(index) })),
  );
  await inFolder({ "tasks.jsonl": content }, async (folder) => {
    const source = `${folder}/tasks.jsonl`;
    const read = (seed: number) =>
      readTasks({ source, validationRatio: 0.25, seed });
    const { train, validation } = await read(1);
    assertEquals(validation.length, 5);
    const numbers = train.map(({ query }) => Number(query));
    assertEquals(numbers, numbers.toSorted((a, b) => a - b));
    assertEquals(
      new Set([...train, ...validation].map(({ query }) => query)).size,
      20,
    );
    assertEquals(await read(1), { train, validation });
    assertTrue(
      JSON.stringify((await read(2)).validation) !== JSON.stringify(validation),
    );
  });
});

Deno.test("readTasks() holds at least one task out, and leaves at least one", async () => {
  const content = lines({ query: "a" }, { query: "b" });
  await inFolder({ "tasks.jsonl": content }, async (folder) => {
    for (const validationRatio of [0.01, 0.99]) {
      const { train, validation } = await readTasks({
        source: `${folder}/tasks.jsonl`,
        validationRatio,
      });
      assertEquals([train.length, validation.length], [1, 1]);
    }
  });
});

Deno.test("readTasks() takes rows from a function, plain or asynchronous", async () => {
  async function* stream(): AsyncGenerator<unknown> {
    yield { query: "a", answer: 1 };
    await Promise.resolve();
    yield { query: "b", split: "validation" };
  }
  const streamed = await readTasks({ source: stream });
  assertEquals(streamed.train, [
    { split: "train", id: "1", query: "a", metadata: { answer: 1 } },
  ]);
  assertEquals(streamed.validation.length, 1);
  const listed = await readTasks({ source: () => [{ query: "a" }] });
  assertEquals(listed.train.length, 1);
  await assertRejects(
    () => readTasks({ source: () => [{ query: "a" }, { query: 5 }] }),
    DataError,
    'task 2 of the reader: "query" must be a string, not 5',
  );
  await assertRejects(() => readTasks({ source: () => [] }), DataError, "no");
});

Deno.test("readTasks() reads by http", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) =>
      request.url.endsWith("/tasks.jsonl")
        ? new Response(lines({ query: "a" }))
        : new Response("no", { status: 404 }),
  );
  const base = `http://127.0.0.1:${server.addr.port}`;
  const { train } = await readTasks({ source: new URL(`${base}/tasks.jsonl`) });
  assertEquals(train.length, 1);
  await assertRejects(
    () => readTasks({ source: new URL(`${base}/other`) }),
    DataError,
    `${base}/other: the server answered 404`,
  );
  await server.shutdown();
  await assertRejects(
    () => readTasks({ source: new URL(`${base}/tasks.jsonl`) }),
    DataError,
    "cannot reach the server",
  );
});

Deno.test("readTasks() names file, line and remedy for a malformed line", async () => {
  const good = lines({ query: "a" });
  const cases: [string, string | RegExp][] = [
    [good + "nonsense\n" + good, /tasks\.jsonl:2: the line is not JSON/],
    [good + '{"query": "b", "ans', /tasks\.jsonl:2: the last line is half-/],
    ['[{"query": "a"}, oops]\n', /:1: the file is JSON, not JSONL/],
    ['{\n  "query": "a"\n}\n', /:1: the file is JSON, not JSONL/],
    ["5\n", /:1: each line must be a JSON object, this one is 5/],
    ['["a"]\n', /:1: each line must be a JSON object, this one is a list/],
    [lines({ question: "a" }), /:1: the task has neither "query" nor/],
    [lines({ query: ["a"] }), /:1: "query" must be a string, not a list/],
    [lines({ query: "a", id: {} }), /:1: "id" must be a string or a number/],
    [lines({ query: "a", metadata: 3 }), /"metadata" must be an object, not 3/],
    [
      lines({ query: "a", answer: 1, metadata: { answer: 2 } }),
      /:1: "answer" stands both beside and inside "metadata"/,
    ],
    [
      lines({ query: "a", split: "test" }),
      /:1: "split" must be "train" or "validation", not "test"/,
    ],
    [lines({ messages: [] }), /"messages" must be .* not an empty list/],
    [lines({ messages: ["a"] }), /messages\[0\] must be an object, not "a"/],
    [
      lines({ messages: [{ role: "bot", content: "a" }] }),
      /messages\[0\]\.role must be one of .* not "bot"/,
    ],
    [
      lines({ messages: [{ role: "user" }] }),
      /messages\[0\]\.content must be a string, not missing/,
    ],
  ];
  for (const [content, pattern] of cases) await assertRefused(content, pattern);
});

Deno.test("readTasks() refuses files that are empty, binary or not UTF-8", async () => {
  await assertRefused("", "the file is empty");
  await assertRefused("\n \n", "the file is empty");
  await assertRefused(new Uint8Array([80, 65, 0, 1]), "the file is binary");
  await assertRefused(new Uint8Array([0x1f, 0x8b, 8]), "gunzip");
  const latin1 = new Uint8Array(
    [...'{"query": "caf\xe9"}\n'].map((c) => c.charCodeAt(0)),
  );
  await assertRefused(latin1, /tasks\.jsonl:1: the line is not UTF-8/);
});

Deno.test("readTasks() suggests the file that was meant", async () => {
  await inFolder({ "train.jsonl": lines({ query: "a" }) }, async (folder) => {
    await assertRejects(
      () => readTasks({ source: `${folder}/trian.jsonl` }),
      DataError,
      `${folder}/trian.jsonl: there is no such file. Did you mean ${folder}/train.jsonl?`,
    );
    await assertRejects(
      () => readTasks({ source: `${folder}/nowhere/x.jsonl` }),
      DataError,
      /there is no such file$/,
    );
    await assertRejects(
      () => readTasks({ source: folder }),
      DataError,
      "cannot read the file",
    );
  });
});

Deno.test("readTasks() refuses splits that contradict one another", async () => {
  const keyed = lines({ query: "a" }, { query: "b", split: "validation" });
  await assertRefused(
    keyed,
    /:2: the task says its split itself/,
    { validationRatio: 0.5 },
  );
  await assertRefused(
    keyed,
    /:2: the task says it is for validation, but its file is read for train/,
    { validation: () => [{ query: "c" }] },
  );
  await assertRefused(
    lines({ query: "a" }),
    /:1: one task cannot be split/,
    { validationRatio: 0.5 },
  );
  await assertRefused(keyed, "below 1: it is 1", { validationRatio: 1 });
  await assertRefused(keyed, "not both", {
    validationRatio: 0.5,
    validation: () => [],
  });
});
