/** Why a generation that `signal` may have cancelled was cut off, in plain words. */
export function cutOffCause(signal: AbortSignal): string {
  if (!signal.aborted) return "the engine ended it early";
  const { reason } = signal;
  return reason instanceof Error ? reason.message : String(reason);
}
