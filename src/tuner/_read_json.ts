import { ApiError } from "./api_error.ts";

/**
 * The JSON value in a request's body, of which no more than `maxBytes` are read.
 *
 * @throws {ApiError} 413 if the body is longer, 400 if it is not JSON or ends early.
 */
export async function readJson(
  request: Request,
  maxBytes: number,
): Promise<unknown> {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > maxBytes) {
    throw tooLarge(maxBytes);
  }
  const text = announced === null
    ? await readText(request, maxBytes)
    : await orIncomplete(request.text());
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ApiError(400, `The request body is not valid JSON: ${reason}`, {
      cause,
    });
  }
}

/** Text of a body whose length was not announced. */
async function readText(request: Request, maxBytes: number): Promise<string> {
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  const reader = request.body.getReader();
  let text = "";
  for (let bytes = 0;;) {
    const { done, value } = await orIncomplete(reader.read());
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      await reader.cancel();
      throw tooLarge(maxBytes);
    }
    text += decoder.decode(value, { stream: true });
  }
}

async function orIncomplete<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new ApiError(400, "The request body ended early", { cause });
  }
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(
    413,
    `The request body is larger than the ${maxBytes} bytes allowed`,
    { code: "request_too_large" },
  );
}
