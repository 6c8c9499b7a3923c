import { ASTunerError } from "../errors.ts";

/** Where and how a request is wrong, in the fields of OpenAI's error object. */
export interface ApiErrorOptions extends ErrorOptions {
  /** The request field that is at fault. @default {null} */
  readonly param?: string;
  /** OpenAI's machine-readable code, such as `context_length_exceeded`. @default {null} */
  readonly code?: string;
  /** Seconds after which trying again makes sense; sent as `Retry-After`. */
  readonly retryAfter?: number;
}

/** HTTP statuses of failed requests. */
export type ApiErrorStatus = 400 | 401 | 404 | 405 | 413 | 429 | 500 | 503;

/** A request that is answered with an error, in OpenAI's shape. */
export class ApiError extends ASTunerError {
  /** Tells the class in messages and logs. */
  override name = "ApiError";
  readonly #options: ApiErrorOptions;

  /** An error that is sent with `status`. */
  constructor(
    readonly status: ApiErrorStatus,
    message: string,
    options: ApiErrorOptions = {},
  ) {
    super(message, options);
    this.#options = options;
  }

  /** The body of the answer: OpenAI's error object. */
  toJSON(): { readonly error: Readonly<Record<string, string | null>> } {
    const { param = null, code = null } = this.#options;
    const type = this.status >= 500
      ? "server_error"
      : this.status === 429
      ? "rate_limit_error"
      : "invalid_request_error";
    return { error: { message: this.message, type, param, code } };
  }

  /** The answer itself; `body` stands in for OpenAI's error object. */
  toResponse(body: unknown = this): Response {
    const { retryAfter } = this.#options;
    return Response.json(body, {
      status: this.status,
      headers: retryAfter === undefined
        ? {}
        : { "Retry-After": String(retryAfter) },
    });
  }
}
