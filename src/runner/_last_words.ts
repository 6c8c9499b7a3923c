/** What Deno printed on standard error as it gave up, without the parts that mean nothing to users. */
export function lastWords(stderr: string): string {
  const lines = stderr.slice(Math.max(stderr.lastIndexOf("\nerror: "), 0))
    .trim()
    .split("\n")
    .filter((line) => !/^\s*at (?:.*\()?data:/.test(line));
  return lines.join("\n").replace(
    /^error: (?:Uncaught )?(?:\(in [^)]*\) )*/,
    "",
  );
}
