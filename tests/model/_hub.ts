import { createHash } from "node:crypto";

/** A file on the stand-in. */
export interface HubFileContent {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Large files are named by SHA-256 and lie on another host, as Git LFS has them. */
  readonly large?: boolean;
}

/** A request that came. */
export interface HubRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
}

/** A model on the stand-in. */
export interface HubOptions {
  readonly id: string;
  readonly commit: string;
  readonly files: Readonly<Record<string, HubFileContent>>;
  /** The token without which nothing is shown. */
  readonly token?: string;
  /** Bytes after which an answer with a large file breaks off, for the first so many answers. */
  readonly cuts?: readonly number[];
  /** Statuses of the first answers, whatever is asked. */
  readonly refusals?: readonly number[];
  /** Where an answer would break off, nothing more comes instead. */
  readonly stalls?: boolean;
  /** Sends other bytes than it says. */
  readonly corrupt?: boolean;
}

/** A server on this machine that speaks the Hub's protocol; large files come from a second one, as from its CDN. */
export class Hub implements AsyncDisposable {
  readonly requests: HubRequest[] = [];
  readonly #options: HubOptions;
  readonly #cuts: number[];
  readonly #refusals: number[];
  readonly #main: Deno.HttpServer<Deno.NetAddr>;
  readonly #cdn: Deno.HttpServer<Deno.NetAddr>;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#cuts = [...options.cuts ?? []];
    this.#refusals = [...options.refusals ?? []];
    const listen = { port: 0, hostname: "127.0.0.1", onListen() {} };
    this.#main = Deno.serve(listen, (request) => this.#answer(request));
    this.#cdn = Deno.serve(listen, (request) => this.#send(request));
  }

  /** Base URL. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#main.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#main.shutdown(), this.#cdn.shutdown()]);
  }

  #answer(request: Request): Response {
    const { id, commit, files, token } = this.#options;
    const { pathname } = this.#record(request);
    const status = this.#refusals.shift();
    if (status !== undefined) return new Response("", { status });
    if (
      token !== undefined &&
      request.headers.get("authorization") !== `Bearer ${token}`
    ) {
      return new Response("", { status: 401 });
    }
    if (pathname.startsWith("/api/models/")) {
      const [, name, revision] =
        /^\/api\/models\/(.+)\/revision\/(.+)$/.exec(pathname) ?? [];
      if (name !== id) return failure("RepoNotFound");
      if (revision !== "main" && revision !== commit) {
        return failure("RevisionNotFound");
      }
      const siblings = Object.keys(files).map((rfilename) => ({ rfilename }));
      return Response.json({ id, sha: commit, siblings });
    }
    const name = pathname.slice(`/${id}/resolve/${commit}/`.length);
    const file = files[name];
    if (!pathname.startsWith(`/${id}/resolve/${commit}/`) || !file) {
      return failure("EntryNotFound");
    }
    if (!file.large) return this.#send(request);
    const location = `http://127.0.0.1:${this.#cdn.addr.port}/${name}`;
    return new Response(null, {
      status: 302,
      headers: {
        location,
        "x-repo-commit": commit,
        "x-linked-etag": `"${etagOf(file)}"`,
        "x-linked-size": `${file.bytes.length}`,
      },
    });
  }

  #send(request: Request): Response {
    const { pathname, range } = this.#record(request);
    const { files, id, commit } = this.#options;
    const own = `/${id}/resolve/${commit}/`;
    const name = pathname.startsWith(own)
      ? pathname.slice(own.length)
      : pathname.slice(1);
    const file = files[name]!;
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const bytes = file.bytes.slice(start);
    if (this.#options.corrupt) bytes.reverse();
    const headers = {
      etag: `"${etagOf(file)}"`,
      "content-length": `${bytes.length}`,
    };
    if (request.method === "HEAD") return new Response(null, { headers });
    const cut = file.large ? this.#cuts.shift() : undefined;
    return new Response(
      cut === undefined ? bytes : broken(bytes, cut, this.#options.stalls),
      {
        status: range === null ? 200 : 206,
        headers,
      },
    );
  }

  #record(request: Request): { pathname: string; range: string | null } {
    const { pathname } = new URL(request.url);
    const range = request.headers.get("range");
    const seen = this.requests.at(-1);
    const { method } = request;
    const path = decodeURIComponent(pathname);
    if (seen?.path !== path || seen.method !== method || range !== null) {
      const authorization = request.headers.get("authorization");
      this.requests.push({ method, path, range, authorization });
    }
    return { pathname: path, range };
  }
}

/** Sends the first bytes and then breaks the connection, or never goes on. */
function broken(
  bytes: Uint8Array<ArrayBuffer>,
  cut: number,
  stalls = false,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let sent = false;
  return new ReadableStream({
    async pull(controller) {
      if (!sent) {
        sent = true;
        if (cut > 0) return controller.enqueue(bytes.slice(0, cut));
      }
      if (stalls) return await new Promise(() => {});
      // The bytes before are to arrive.
      await new Promise((resolve) => setTimeout(resolve, 20));
      controller.close();
    },
  });
}

function etagOf({ bytes, large }: HubFileContent): string {
  const hash = createHash(large ? "sha256" : "sha1");
  if (!large) hash.update(`blob ${bytes.length}\0`);
  return hash.update(bytes).digest("hex");
}

function failure(code: string): Response {
  return new Response("", { status: 404, headers: { "x-error-code": code } });
}
