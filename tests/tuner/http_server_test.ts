import { HttpServer } from "../../src/tuner/_http_server.ts";
import { UserError } from "../../src/errors.ts";
import { assertEquals, assertRejects } from "../assert.ts";

const answer = () => new Response("here");

/** Whether this machine speaks IPv6. */
function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test("HttpServer is reached at its URL, wherever it listens", async () => {
  const hosts = ["127.0.0.1", "localhost", "0.0.0.0"];
  if (hasIpv6()) hosts.push("::1", "::");
  for (const host of hosts) {
    await using server = await HttpServer.listen({ host }, answer);
    assertEquals(await (await fetch(server.url)).text(), "here", host);
  }
});

Deno.test("HttpServer says plainly that its port is taken", async () => {
  await using server = await HttpServer.listen({}, answer);
  const port = Number(new URL(server.url).port);
  await assertRejects(
    () => HttpServer.listen({ port }, answer),
    UserError,
    `Cannot listen on 127.0.0.1:${port}: `,
  );
});

Deno.test("HttpServer tells every request whose client has gone", async () => {
  const clients = 100;
  let gone = 0;
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const waiting = new Set<Request>();
  await using server = await HttpServer.listen({}, (request) => {
    waiting.add(request);
    if (waiting.size === clients) begun.resolve();
    return new Promise<Response>((resolve) =>
      request.signal.addEventListener("abort", () => {
        if (++gone === clients) ended.resolve();
        resolve(new Response("too late"));
      })
    );
  });
  const hangUp = new AbortController();
  const calls = Array.from(
    { length: clients },
    (_, at) =>
      fetch(server.url, {
        method: "POST",
        body: "a".repeat(1000 * at),
        signal: hangUp.signal,
      }),
  );
  const answers = Promise.allSettled(calls);
  await begun.promise;
  hangUp.abort();
  await answers;
  await ended.promise;
});

Deno.test("HttpServer stops though a client does not read its answer", async () => {
  const server = await HttpServer.listen(
    {},
    () => new Response(new Uint8Array(64 * 1024 * 1024)),
  );
  const { hostname, port } = new URL(server.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(
    new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`),
  );
  await connection.read(new Uint8Array(16));
  await server[Symbol.asyncDispose]();
});
