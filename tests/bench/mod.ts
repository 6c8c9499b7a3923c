/**
 * Runs every bench, each in a process of its own, one after the other.
 *
 *     deno run -A tests/bench/mod.ts [--rounds N] [--json]
 *
 * `--rounds` and `--json` go to the benches of the GPU; the gateway's has settings of its own.
 *
 * @module
 */
const BENCHES = [
  "gemm",
  "train_step",
  "decode",
  "adapters",
  "tree_saving",
  "gateway",
];

for (const name of BENCHES) {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      import.meta.resolve(`./${name}.ts`),
      ...(name === "gateway" ? [] : Deno.args),
    ],
  }).spawn().status;
  if (!success) Deno.exit(1);
}
