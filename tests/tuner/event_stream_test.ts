import {
  eventStream,
  type EventStreamOptions,
} from "../../src/tuner/_event_stream.ts";
import { HttpServer } from "../../src/tuner/_http_server.ts";
import { assertEquals } from "../assert.ts";

const CALM = { errorEvent: () => ({ json: "1" }) };

/** A server that answers every request by this stream, or by the words of what it throws. */
function serve(
  stream: (request: Request) => EventStreamOptions,
): Promise<HttpServer> {
  return HttpServer.listen(
    {},
    (request, { outgoing }) =>
      eventStream(outgoing, stream(request)).catch((error) =>
        new Response(String(error), { status: 500 })
      ),
  );
}

/** The chunks of HTTP in which an answer comes. */
async function chunks(url: string): Promise<string[]> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(
    new TextEncoder().encode(
      `GET / HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`,
    ),
  );
  const answer = await new Response(connection.readable).text();
  const [, body] = answer.split(/\r\n\r\n(.*)/s);
  return body!.split("\r\n").filter((_, at) => at % 2 === 1);
}

Deno.test("eventStream() sends together what is written in one turn, and the last events with the end", async () => {
  await using server = await serve(() => ({
    ...CALM,
    async run(send) {
      send({ json: "1" });
      send({ name: "two", json: "2" });
      await new Promise((go) => setTimeout(go));
      send({ json: "3" });
      await new Promise((go) => setTimeout(go));
      return [{ json: "4" }, { json: "5" }];
    },
    last: "[DONE]",
  }));
  assertEquals(await chunks(server.url), [
    "data: 1\n\nevent: two\ndata: 2\n\n",
    "data: 3\n\n",
    "data: 4\n\ndata: 5\n\ndata: [DONE]\n\n",
    "",
  ]);
});

Deno.test("eventStream() tells of an error behind what was written before it", async () => {
  await using server = await serve(() => ({
    ...CALM,
    run(send) {
      send({ json: '"written"' });
      return Promise.reject(new Error("too late for a status"));
    },
    errorEvent: (error) => ({ json: JSON.stringify(String(error)) }),
  }));
  const answer = await fetch(server.url);
  assertEquals(
    [answer.status, await answer.text()],
    [200, 'data: "written"\n\ndata: "Error: too late for a status"\n\n'],
  );
});

Deno.test("eventStream() throws what fails before the first event", async () => {
  await using server = await serve(() => ({
    ...CALM,
    run: () => Promise.reject(new RangeError("no such model")),
  }));
  const answer = await fetch(server.url);
  assertEquals(
    [answer.status, await answer.text()],
    [500, "RangeError: no such model"],
  );
});

Deno.test("eventStream() may be written to after its client has gone", async () => {
  const ended = Promise.withResolvers<void>();
  await using server = await serve(({ signal }) => ({
    ...CALM,
    async run(send) {
      send({ json: "1" });
      await new Promise((gone) => signal.addEventListener("abort", gone));
      send({ json: "2" });
      await new Promise((go) => setTimeout(go));
      ended.resolve();
      return [{ json: "3" }];
    },
  }));
  const answer = await fetch(server.url);
  await answer.body!.cancel();
  await ended.promise;
});
