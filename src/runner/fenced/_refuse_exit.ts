import process from "node:process";
import { scope } from "./_scope.ts";
import { UsageError } from "./_usage_error.ts";

/** Makes calls that would end the process fail the episode that makes them. */
export function refuseExit(): void {
  Deno.exit = (code) => refuse(`Deno.exit(${code ?? ""})`);
  process.exit = (code) => refuse(`process.exit(${code ?? ""})`);
  process.abort = () => refuse("process.abort()");
}

function refuse(call: string): never {
  const error = new UsageError(
    `${call} was called: a workflow ends by returning, since others share its process`,
  );
  // Also where the workflow catches everything, as frameworks like to.
  scope.getStore()?.fail(error);
  throw error;
}
