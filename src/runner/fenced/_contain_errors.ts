import { scope } from "./_scope.ts";

/**
 * Keeps errors that nobody awaits, which would end the process, within the episode they are of.
 *
 * Where that is not known, as in a bare timer, the process ends; its episodes are run again apart
 * from one another.
 */
export function containErrors(): void {
  addEventListener("unhandledrejection", (event) => blame(event, event.reason));
  addEventListener("error", (event) => blame(event, event.error));
}

function blame(event: Event, error: unknown): void {
  const episode = scope.getStore();
  if (episode === undefined) return;
  event.preventDefault();
  episode.fail(error);
}
