import type { Json } from "./_requests.ts";

/** A reply, in the fields of a chat completion's chunks. */
export interface EndpointReply {
  /** Chunks of what the model thinks first. */
  readonly thoughts?: readonly string[];
  /** Sends everything at once, though a stream was asked for. */
  readonly whole?: boolean;
  /** Chunks of text. */
  readonly texts?: readonly string[];
  readonly toolCalls?: readonly {
    readonly id: string;
    readonly name: string;
    readonly arguments: string;
  }[];
  /** Token ids and logprobs, as vLLM gives them where it is asked to. */
  readonly ids?: {
    readonly prompt: readonly number[];
    readonly tokens: readonly number[];
    readonly logprobs: readonly number[];
  };
  /** Ends the stream before its end. */
  readonly breaksOff?: boolean;
  /** Answers with an error instead. */
  readonly status?: number;
}

/** A server of OpenAI's chat completions that replies as it is told; its key is `sk-test`. */
export class TestEndpoint implements AsyncDisposable {
  readonly url: string;
  /** The bodies of all chat completion requests. */
  readonly bodies: Json[] = [];
  #replies = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param refused Fields that it answers with 400, as OpenAI does to those that it does not know. */
  constructor(
    reply: (body: Json, index: number) => EndpointReply,
    refused: readonly string[] = [],
  ) {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      async (request) => {
        if (request.headers.get("authorization") !== "Bearer sk-test") {
          return error(401, "Incorrect API key");
        }
        const { pathname } = new URL(request.url);
        if (pathname === "/v1/models") return Response.json({ data: [] });
        const body: Json = await request.json();
        this.bodies.push(body);
        const unknown = refused.find((field) => field in body);
        if (unknown) return error(400, `Unrecognized argument: ${unknown}`);
        return streamed(reply(body, this.#replies++), body);
      },
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}/v1`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.shutdown();
  }
}

function error(status: number, message: string): Response {
  return Response.json({ error: { message, type: "x" } }, { status });
}

function streamed(reply: EndpointReply, { return_token_ids }: Json): Response {
  const { texts = [], thoughts = [], toolCalls = [], ...how } = reply;
  const { breaksOff, status, whole } = how;
  if (status !== undefined) return error(status, "The model is unwell");
  const ids = return_token_ids ? reply.ids : undefined;
  const calls = toolCalls.flatMap(({ id, name, arguments: json }, index) => [
    { tool_calls: [{ index, id, type: "function", function: { name } }] },
    ...json.split(/(?<=:)/).map((part) => ({
      tool_calls: [{ index, function: { arguments: part } }],
    })),
  ]);
  const deltas = [
    { role: "assistant" },
    ...thoughts.map((reasoning_content) => ({ reasoning_content })),
    ...texts.map((content) => ({ content })),
    ...calls,
  ];
  const finish_reason = toolCalls.length > 0 ? "tool_calls" : "stop";
  if (whole) {
    const message = { role: "assistant", content: texts.join("") };
    return Response.json({
      choices: [{ index: 0, message, finish_reason }],
      usage: { prompt_tokens: 11, completion_tokens: 3 },
    });
  }
  const chunks = [
    ...deltas.map((delta) => ({ choices: [{ index: 0, delta }] })),
    ...breaksOff ? [] : [
      {
        choices: [{
          index: 0,
          delta: {},
          finish_reason,
          ...(ids && {
            token_ids: ids.tokens,
            logprobs: {
              content: ids.logprobs.map((logprob) => ({ logprob })),
            },
          }),
        }],
        ...(ids && { prompt_token_ids: ids.prompt }),
      },
      { choices: [], usage: { prompt_tokens: 11, completion_tokens: 3 } },
    ],
  ];
  const lines = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
  const end = breaksOff ? "" : "data: [DONE]\n\n";
  return new Response(lines.join("") + end, {
    headers: { "Content-Type": "text/event-stream" },
  });
}
