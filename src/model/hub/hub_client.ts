import { ModelError } from "../../errors.ts";
import { fetchReason } from "../../fetch_reason.ts";
import type { HubSettings } from "./hub_settings.ts";

/** A model at one revision. */
export interface HubRevision {
  /** `owner/name`. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/** What the Hub says of a file without sending it. */
export interface HubFile {
  /** Names its content: the SHA-256 of a large file, Git's SHA-1 of a small one. */
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
}

/** The server did not answer, or not for now; another attempt may do. */
export class HubUnreachable extends ModelError {
  override name = "HubUnreachable";

  /** Where the server said so, milliseconds after which to try again; 0 if it was there but did not say. */
  readonly retryAfter?: number;

  constructor(
    message: string,
    { retryAfter, ...options }: ErrorOptions & {
      readonly retryAfter?: number;
    } = {},
  ) {
    super(message, options);
    if (retryAfter !== undefined) this.retryAfter = retryAfter;
  }
}

/** Longest that a server's own wish to be left alone is followed, in milliseconds. */
const LONGEST_WAIT = 60_000;

/** Asks the Hub, as the protocol of `huggingface_hub` has it. */
export class HubClient {
  readonly #settings: HubSettings;
  readonly #fetch: typeof fetch;
  readonly #patience: number;

  /** @param patience Milliseconds to wait for an answer to begin. */
  constructor(settings: HubSettings, fetcher: typeof fetch, patience: number) {
    this.#settings = settings;
    this.#fetch = fetcher;
    this.#patience = patience;
  }

  /**
   * The commit that a revision stands for, and the names of its files.
   *
   * @throws {ModelError} If there is none, or the user may not see it.
   */
  async list(
    from: HubRevision,
  ): Promise<{ readonly commit: string; readonly files: readonly string[] }> {
    const { id, revision } = from;
    const url = `${this.#settings.endpoint}/api/models/${id}/revision/${
      encodeURIComponent(revision)
    }`;
    const response = await this.#ask(url, from);
    const { sha, siblings } = await readJson(response, url);
    const files = (Array.isArray(siblings) ? siblings : [])
      .map((file) => file?.rfilename)
      .filter((name) => typeof name === "string");
    if (typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha)) {
      return { commit: sha, files };
    }
    throw new ModelError(`${url} does not say which commit ${revision} is`);
  }

  /**
   * What identifies a file's content.
   *
   * @throws {ModelError} If the user may not see it.
   */
  async stat(from: HubRevision, file: string): Promise<HubFile> {
    const url = this.#fileUrl(from, file);
    // A large file lies elsewhere: what is said of it stands beside the redirection.
    const { headers } = await this.#ask(url, from, {
      method: "HEAD",
      keepRedirect: true,
    });
    const etag = (headers.get("x-linked-etag") ?? headers.get("etag") ?? "")
      .replace(/^W\//, "").replaceAll('"', "");
    const size = headers.get("x-linked-size") ?? headers.get("content-length");
    if (!/^\w[\w.-]*$/.test(etag) || size === null || !/^\d+$/.test(size)) {
      throw new ModelError(`${url} comes without its ETag and size`);
    }
    return { etag, size: Number(size) };
  }

  /**
   * Opens a file from byte `start` on.
   *
   * @returns The bytes, and where they begin: at 0 where the server knows no ranges.
   */
  async open(
    from: HubRevision,
    file: string,
    start: number,
  ): Promise<
    { readonly start: number; readonly body: ReadableStream<Uint8Array> }
  > {
    const url = this.#fileUrl(from, file);
    const headers = start > 0 ? { range: `bytes=${start}-` } : undefined;
    const response = await this.#ask(url, from, headers ? { headers } : {});
    const body = response.body ?? new Blob([]).stream();
    return { start: response.status === 206 ? start : 0, body };
  }

  #fileUrl({ id, revision }: HubRevision, file: string): string {
    return `${this.#settings.endpoint}/${id}/resolve/${
      encodeURIComponent(revision)
    }/${file.split("/").map(encodeURIComponent).join("/")}`;
  }

  /** Follows redirections itself, since the token is for the Hub's own host alone. */
  async #ask(
    url: string,
    from: HubRevision,
    { method = "GET", headers = {}, keepRedirect = false }: {
      readonly method?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly keepRedirect?: boolean;
    } = {},
  ): Promise<Response> {
    const { endpoint, token } = this.#settings;
    let at = new URL(url);
    for (let hops = 0; hops < 10; hops++) {
      const own = at.origin === new URL(endpoint).origin;
      const response = await this.#send(at, {
        method,
        redirect: "manual",
        headers: {
          // Sizes and ranges are those of the file as it is.
          "accept-encoding": "identity",
          ...(own && token && { authorization: `Bearer ${token}` }),
          ...headers,
        },
      });
      const location = response.headers.get("location");
      const redirected = response.status >= 300 && response.status < 400;
      if (redirected && location !== null) {
        const elsewhere = new URL(location, at);
        if (keepRedirect && elsewhere.origin !== at.origin) return response;
        if (keepRedirect && response.headers.has("x-linked-etag")) {
          return response;
        }
        await response.body?.cancel();
        at = elsewhere;
        continue;
      }
      if (response.ok) return response;
      await response.body?.cancel();
      throw explain(response, from, url);
    }
    throw new ModelError(`${url} leads in circles`);
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    const silent = new AbortController();
    const timer = setTimeout(
      () => silent.abort(new Error("it does not answer")),
      this.#patience,
    );
    try {
      return await this.#fetch(url, { ...init, signal: silent.signal });
    } catch (cause) {
      throw new HubUnreachable(
        `Cannot reach ${url.origin}: ${fetchReason(cause)}`,
        { cause },
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

function explain(
  { status, headers }: Response,
  { id, revision }: HubRevision,
  url: string,
): ModelError {
  const code = headers.get("x-error-code");
  if (code === "RevisionNotFound") {
    return new ModelError(
      `The Hub has no revision ${revision} of ${id}: check model.revision`,
    );
  }
  if (code === "GatedRepo" || status === 403) {
    return new ModelError(
      `${id} is gated: accept its terms on its page, and set HF_TOKEN to your token`,
    );
  }
  if (status === 401) {
    return new ModelError(
      `The Hub does not show ${id} (401): check its name, and if it is private or gated, set HF_TOKEN`,
    );
  }
  if (status === 404) {
    return new ModelError(
      `There is no folder ${id}, and the Hub has no such model or file (404 for ${url}): check the name`,
    );
  }
  const text = `The Hub answered ${status} for ${url}`;
  if (status !== 429 && status < 500) return new ModelError(text);
  const seconds = Number(headers.get("retry-after") ?? 0);
  const retryAfter = seconds > 0 ? Math.min(seconds * 1000, LONGEST_WAIT) : 0;
  return new HubUnreachable(text, { retryAfter });
}

async function readJson(
  response: Response,
  url: string,
): Promise<Record<string, unknown>> {
  try {
    return await response.json();
  } catch (cause) {
    throw new ModelError(`${url} did not answer with JSON`, { cause });
  }
}
