import { stage } from "../../../src/runner/mod.ts";

// What the program does on its hidden command `__stage`.
Deno.exit(await stage(Deno.args[0]!));
