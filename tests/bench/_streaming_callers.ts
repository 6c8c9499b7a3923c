/** What callers are told. */
export interface CallerLoad {
  /** Where requests go: an address an episode, each used for `turns` requests. */
  readonly addresses: readonly { readonly url: string; readonly key: string }[];
  /** Whether completions are asked for, as the gateway does; else chat completions. */
  readonly isDirect: boolean;
  readonly callers: number;
  readonly turns: number;
  readonly seconds: number;
  readonly pace: Pace;
}

/** How a server paces its streams. */
export interface Pace {
  /** Tokens of a reply; the last one ends it and has no text. */
  readonly tokens: number;
  /** From one token to the next. */
  readonly tokenMs: number;
  /** Whether all streams have their tokens at the same moments, as a server's batch does. */
  readonly inStep: boolean;
}

/** Milliseconds, of all requests together but those of the first moments. */
export interface Times {
  /** From the request to its first token. */
  readonly first: number[];
  /** Of each token with a text, beyond the server's schedule. */
  readonly token: number[];
  /** Of the answer's last byte, beyond the schedule of the last token. */
  readonly last: number[];
}

/** What callers have seen. */
export interface Answers extends Times {
  /** All of them, those of the first moments too. */
  readonly requests: number;
}

/** Lengths of a stream before times count: processes that have stood still are slow at first. */
const LEAD_STREAMS = 2;

/**
 * Keeps `callers` streams open until the time is over, and says when their tokens came.
 *
 * It writes to sockets and searches what it reads for tokens: callers that did more would take the
 * processor from those who are measured.
 */
export async function runCallers(load: CallerLoad): Promise<Answers> {
  const { callers, pace, addresses, turns, isDirect } = load;
  const times: Times = { first: [], token: [], last: [] };
  const end = performance.now() + load.seconds * 1000;
  const counted = clock() + LEAD_STREAMS * pace.tokens * pace.tokenMs;
  const mark = isDirect ? '"token_ids":[' : '"delta":{"content":"';
  let next = 0;
  let requests = 0;

  async function caller(index: number): Promise<void> {
    // Spread over the time of a stream, as callers are.
    const wait = index / callers * pace.tokens * pace.tokenMs;
    await new Promise((go) => setTimeout(go, wait));
    using line = new Line(addresses[0]!.url);
    while (performance.now() < end) {
      const address = addresses[next++ % addresses.length]!;
      const messages = [{ role: "user", content: "What is 12 times 7?" }];
      for (let turn = 0; turn < turns; turn++) {
        const body = isDirect
          ? completion(20 + turn * (pace.tokens + 10))
          : { model: "policy", messages, stream: true };
        const arrivals: number[] = [];
        const sent = clock();
        const answer = await line.stream(address, body, mark, () => {
          if (arrivals.length < pace.tokens - 1) arrivals.push(clock());
        });
        requests++;
        if (sent >= counted) {
          note(times, { sent, arrivals, ended: clock() }, pace);
        }
        if (!isDirect) messages.push(reply(answer), messages[0]!);
      }
    }
  }

  await Promise.all(Array.from({ length: callers }, (_, at) => caller(at)));
  return { ...times, requests };
}

/** Milliseconds since 1970, finer than `Date.now`: the same for all processes. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}

interface Seen {
  readonly sent: number;
  readonly arrivals: readonly number[];
  readonly ended: number;
}

function note(
  times: Times,
  { sent, arrivals, ended }: Seen,
  { tokens, tokenMs, inStep }: Pace,
): void {
  if (arrivals.length !== tokens - 1) {
    throw new Error(`${arrivals.length} tokens came, not ${tokens - 1}`);
  }
  times.first.push(arrivals[0]! - sent);
  const later = arrivals.map((at, k) => at - k * tokenMs).slice(1);
  // In step, the schedule begins at a multiple of `tokenMs`; no token comes before its time.
  const start = inStep && later.length > 0
    ? Math.floor(Math.min(...later) / tokenMs) * tokenMs
    : sent;
  for (const at of later) times.token.push(at - start);
  times.last.push(ended - (tokens - 1) * tokenMs - start);
}

/** A connection that is kept for one request after the other. */
class Line implements Disposable {
  readonly #connection: Promise<Deno.TcpConn>;
  readonly #buffer = new Uint8Array(65_536);
  readonly #utf8 = new TextEncoder();

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#connection = Deno.connect({ hostname, port: Number(port) })
      .then((connection) => {
        connection.setNoDelay();
        this[Symbol.dispose] = () => connection.close();
        return connection;
      });
  }

  [Symbol.dispose](): void {}

  /** Posts a request and reads its chunked answer to the end; `onMark` is called for each `mark` in it. */
  async stream(
    { url, key }: { readonly url: string; readonly key: string },
    body: unknown,
    mark: string,
    onMark: () => void,
  ): Promise<string> {
    const connection = await this.#connection;
    const { host, pathname } = new URL(url);
    const json = JSON.stringify(body);
    const request = this.#utf8.encode(
      `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n` +
        `Authorization: Bearer ${key}\r\nContent-Length: ${json.length}\r\n\r\n${json}`,
    );
    for (let at = 0; at < request.length;) {
      at += await connection.write(request.subarray(at));
    }
    const utf8 = new TextDecoder();
    let text = "";
    let from = 0;
    while (!text.endsWith("\r\n0\r\n\r\n")) {
      const count = await connection.read(this.#buffer);
      if (count === null) throw new Error(`The answer broke off: ${text}`);
      const bytes = this.#buffer.subarray(0, count);
      text += utf8.decode(bytes, { stream: true });
      if (!text.startsWith("HTTP/1.1 200")) throw new Error(text);
      for (let at; (at = text.indexOf(mark, from)) >= 0;) {
        from = at + mark.length;
        onMark();
      }
    }
    return text;
  }
}

/** A request as the gateway makes it, with a prompt of `length` tokens. */
function completion(length: number): unknown {
  return {
    model: "base",
    prompt: Array.from({ length }, (_, at) => at),
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
    max_tokens: 1000,
    temperature: 1,
    seed: length,
    stop_token_ids: [2],
    ignore_eos: true,
    logprobs: 0,
    return_token_ids: true,
  };
}

function reply(answer: string): { role: string; content: string } {
  const events = answer.split("\n").filter((line) =>
    line.startsWith("data: {")
  );
  const content = events.map((event) =>
    JSON.parse(event.slice("data: ".length)).choices[0]?.delta.content ?? ""
  ).join("");
  return { role: "assistant", content };
}
