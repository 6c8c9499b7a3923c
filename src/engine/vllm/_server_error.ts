import { EngineError } from "../../errors.ts";

/**
 * How a request to a server failed:
 *
 * - `refused`: it is wrong, and will stay so (a status between 400 and 499);
 * - `missing`: what it names is not there (404), as after a restart;
 * - `busy`: not now (429, 503);
 * - `failed`: the server made a mistake (other statuses from 500 on, or an error event);
 * - `unreachable`: no answer came (502 and 504 of what stands before the server, too);
 * - `broken`: the answer ended early, or is not what was asked for;
 * - `silent`: nothing came for too long.
 */
export type ServerFailure =
  | "refused"
  | "missing"
  | "busy"
  | "failed"
  | "unreachable"
  | "broken"
  | "silent";

const MOMENTARY: ReadonlySet<ServerFailure> = new Set([
  "busy",
  "unreachable",
  "broken",
  "silent",
]);

/** What is known of a failed request, beside its words. */
export interface ServerErrorOptions extends ErrorOptions {
  /** How long the server asks to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

/** A request to a server that failed, with what it takes to decide what to do about it. */
export class ServerError extends EngineError {
  override name = "ServerError";
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly failure: ServerFailure,
    message: string,
    options: ServerErrorOptions = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether it is that of a server that is being started again, or has too much to do. */
  get isMomentary(): boolean {
    return MOMENTARY.has(this.failure);
  }
}
