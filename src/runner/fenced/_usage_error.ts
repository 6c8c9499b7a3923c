/** User code broke the contract of workflows and judges; the message alone says how. */
export class UsageError extends Error {
  override name = "UsageError";
}
