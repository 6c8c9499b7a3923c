/**
 * The program: `deno run -A cli.ts train`, or `./astuner train`.
 *
 * @module
 */
import { main } from "./src/cli/mod.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
