import process from "node:process";
import { scope } from "./_scope.ts";
import { UsageError } from "./_usage_error.ts";

/**
 * Keeps what would end the process within the episode that does it: errors nobody awaits, and calls
 * that exit.
 */
export function containStrays(): void {
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    blame(event.reason);
  });
  addEventListener("error", (event) => {
    event.preventDefault();
    blame(event.error);
  });
  Deno.exit = (code) => refuseExit(`Deno.exit(${code ?? ""})`);
  process.exit = (code) => refuseExit(`process.exit(${code ?? ""})`);
  process.abort = () => refuseExit("process.abort()");
}

function blame(error: unknown): void {
  const episode = scope.getStore();
  if (episode !== undefined) episode.fail(error);
  else console.error("Uncaught", error);
}

function refuseExit(call: string): never {
  const error = new UsageError(
    `${call} was called: a workflow ends by returning, since others share its process`,
  );
  // Also where the workflow catches everything, as frameworks like to.
  scope.getStore()?.fail(error);
  throw error;
}
