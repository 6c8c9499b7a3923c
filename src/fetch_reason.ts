/** Why a server could not be reached, without the words that every such error begins with. */
export function fetchReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return fetchReason(error.cause);
  return error.message.replace(/^.*client error \(\w+\): /, "");
}
