/** A value as code would have it, short enough for a message. */
export function show(value: unknown): string {
  return Deno.inspect(value, {
    depth: 1,
    iterableLimit: 4,
    strAbbreviateSize: 60,
  });
}
