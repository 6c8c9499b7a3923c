import type { ServeConfig } from "./schema.ts";

/** The addresses of `engine.url`. */
export function engineUrls(
  { engine: { url } }: ServeConfig,
): readonly string[] {
  return url === null ? [] : typeof url === "string" ? [url] : url;
}
