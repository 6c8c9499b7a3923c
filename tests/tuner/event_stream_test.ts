import { eventStream } from "../../src/tuner/_event_stream.ts";
import { assertEquals, assertRejects } from "../assert.ts";

const CALM = { onCancel() {}, errorEvent: () => ({ json: "1" }) };

/** The pieces in which an answer's body comes. */
async function pieces(answer: Response): Promise<string[]> {
  const texts = answer.body!.pipeThrough(new TextDecoderStream());
  return await Array.fromAsync(texts);
}

Deno.test("eventStream() sends together what is written in one turn, and the last events with the end", async () => {
  const answer = await eventStream({
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
  });
  assertEquals(await pieces(answer), [
    "data: 1\n\nevent: two\ndata: 2\n\n",
    "data: 3\n\n",
    "data: 4\n\ndata: 5\n\ndata: [DONE]\n\n",
  ]);
});

Deno.test("eventStream() tells of an error behind what was written before it", async () => {
  const answer = await eventStream({
    ...CALM,
    run(send) {
      send({ json: '"written"' });
      return Promise.reject(new Error("too late for a status"));
    },
    errorEvent: (error) => ({ json: JSON.stringify(String(error)) }),
  });
  assertEquals(
    (await pieces(answer)).join(""),
    'data: "written"\n\ndata: "Error: too late for a status"\n\n',
  );
});

Deno.test("eventStream() throws what fails before the first event", async () => {
  await assertRejects(
    () =>
      eventStream({
        ...CALM,
        run: () => Promise.reject(new RangeError("no such model")),
      }),
    RangeError,
    "no such model",
  );
});

Deno.test("eventStream() says when its client goes, and writes no more", async () => {
  const gone = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const answer = await eventStream({
    ...CALM,
    async run(send) {
      send({ json: "1" });
      await gone.promise;
      send({ json: "2" });
      ended.resolve();
      return [{ json: "3" }];
    },
    onCancel: () => gone.resolve(),
  });
  await answer.body!.cancel();
  await ended.promise;
});
