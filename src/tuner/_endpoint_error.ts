import { ApiError, type ApiErrorStatus } from "./api_error.ts";

/** What an agent is told where the endpoint behind the gateway refuses its request. */
export async function refusedByEndpoint(
  response: Response,
  url: string,
): Promise<ApiError> {
  const { status, headers } = response;
  const words = messageIn(await response.text().catch(() => ""));
  const retryAfter = Number(headers.get("retry-after") ?? NaN);
  return new ApiError(
    statusFor(status),
    `${url} answered ${status}${words && `: ${words}`}`,
    Number.isFinite(retryAfter) ? { retryAfter } : {},
  );
}

/** A wrong key or model is no fault that trying again could mend. */
function statusFor(status: number): ApiErrorStatus {
  if (status >= 500) return 503;
  return status === 429 ? 429 : 400;
}

/** The error's message in the forms that servers give it; else the text itself. */
function messageIn(text: string): string {
  try {
    const { error, message, detail } = JSON.parse(text);
    const found = error?.message ?? error ?? message ?? detail;
    return typeof found === "string" ? found : JSON.stringify(found);
  } catch {
    return text.trim().slice(0, 500);
  }
}
