import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertTrue,
} from "../assert.ts";
import { UserError } from "../../src/errors.ts";
import { failure, finished, openRunner, play, task } from "./_helpers.ts";

Deno.test("Runner's fence refuses other hosts and names the YAML line that allows them", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => Response.json({ data: [] }),
  );
  const host = `127.0.0.1:${server.addr.port}`;
  const url = `http://${host}/v1`;
  const refused = (host: string) =>
    `NotCapable: the fence refuses net access to "${host}". To allow it, add to the YAML:  ` +
    `workflow.allow.net: ["${host}"]\n`;

  await using strict = await openRunner();
  assertMatch(
    failure(await play(strict, task("fetch", { url }))),
    refused(host),
  );
  const throughClient = failure(await play(strict, task("openai", { url })));
  assertMatch(throughClient, "Connection error");
  assertMatch(throughClient, refused(host));
  assertMatch(throughClient, /\n {4}at .*misbehaving\.ts:\d+:\d+$/);
  const elsewhere = task("fetch", { url: "https://example.com/" });
  assertMatch(
    failure(await play(strict, elsewhere)),
    refused("example.com:443"),
  );

  await using lenient = await openRunner({ allow: { net: [host] } });
  finished(await play(lenient, task("fetch", { url })));
  assertMatch(
    failure(await play(lenient, elsewhere)),
    refused("example.com:443"),
  );
});

Deno.test("Runner's fence opens the gateway alone, by its address", async () => {
  await using gateway = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response("ok"),
  );
  const { port } = gateway.addr;
  await using runner = await openRunner({ gateway: `127.0.0.1:${port}` });
  const url = `http://127.0.0.1:${port}/`;
  finished(await play(runner, task("fetch", { url })));
  const byName = task("fetch", { url: `http://localhost:${port}/` });
  assertMatch(failure(await play(runner, byName)), `"localhost:${port}"`);
});

Deno.test("Runner's fence lets code read its own folder and what the YAML names", async () => {
  const path = await Deno.makeTempFile({ suffix: " with a space" });
  await using strict = await openRunner();
  const own = await play(strict, task("read", { path: "judge.ts" }));
  assertTrue(finished(own).reward === 1);
  assertMatch(
    failure(await play(strict, task("read", { path }))),
    `the fence refuses read access to "${path}". To allow it, add to the YAML:  ` +
      `workflow.allow.read: ["${path}"]`,
  );
  await using lenient = await openRunner({ allow: { read: [path] } });
  finished(await play(lenient, task("read", { path })));
  await Deno.remove(path);
  await assertRejects(
    () => openRunner({ allow: { read: ["/data,more"] } }),
    UserError,
    'The fence cannot allow "/data,more"',
  );
});

Deno.test("Runner's fence never lets code run programs, write files or fetch code", async () => {
  await using runner = await openRunner();
  assertMatch(
    failure(await play(runner, task("run"))),
    'the fence refuses run access to "ls", and never allows run access',
  );
  assertMatch(
    failure(await play(runner, task("write"))),
    'the fence refuses write access to "left_behind.txt", and never allows',
  );
  assertMatch(
    failure(await play(runner, task("import"))),
    "not found in cache",
  );
});

Deno.test("Runner's fence hides the environment but for what the YAML names", async () => {
  Deno.env.set("ASTUNER_TEST_KEY", "open sesame");
  try {
    await using strict = await openRunner();
    const hidden = finished(await play(strict, task("environment")));
    assertEquals(hidden.metadata, { all: {}, ci: null });
    assertMatch(
      failure(await play(strict, task("missingKey"))),
      /ASTUNER_TEST_KEY is set here but does not pass the fence.*workflow\.allow\.env: \["ASTUNER_TEST_KEY"\]$/,
    );
    const env = ["ASTUNER_TEST_KEY", "ASTUNER_TEST_UNSET"];
    await using lenient = await openRunner({ allow: { env } });
    const shown = finished(await play(lenient, task("environment")));
    assertEquals(shown.metadata, {
      all: { ASTUNER_TEST_KEY: "open sesame" },
      ci: null,
    });
  } finally {
    Deno.env.delete("ASTUNER_TEST_KEY");
  }
});
