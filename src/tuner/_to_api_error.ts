import { EngineError, RequestError, UserError } from "../errors.ts";
import { ApiError } from "./api_error.ts";

/**
 * What a client is told of an error.
 *
 * @param onBug Told of errors that are neither the request's nor the engine's.
 */
export function toApiError(
  error: unknown,
  onBug: (error: unknown) => void,
): ApiError {
  if (error instanceof ApiError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof RequestError || error instanceof UserError) {
    return new ApiError(400, reason, { cause: error });
  }
  if (error instanceof EngineError) {
    return new ApiError(503, `The engine cannot serve this: ${reason}`, {
      cause: error,
    });
  }
  onBug(error);
  return new ApiError(500, `The gateway failed: ${reason}`, { cause: error });
}
