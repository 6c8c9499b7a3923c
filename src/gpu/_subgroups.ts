/** How a kernel's subgroup calls are carried out. */
interface Dialect {
  /** Threads of the workgroup, all of which call together. */
  readonly lanes: number;
  /** Whether the device has subgroups of just that size. */
  readonly native: boolean;
}

/**
 * Turns a kernel's `sgAdd_f32(x)`, `sgMax_f32(x)`, `sgMin_u32(x)` and `sgBroadcast_vec4f(x, lane)` into
 * WebGPU's subgroup functions, or into functions over workgroup memory that do the same for a
 * workgroup of one emulated subgroup. WGSL knows no overloading, hence the type in the name.
 */
export function subgroupDialect(
  code: string,
  { lanes, native }: Dialect,
): string {
  if (native) {
    return code.replace(/\bsg(Add|Max|Min|Broadcast)_\w+\(/g, "subgroup$1(");
  }
  const calls = new Set(
    [...code.matchAll(/\b(sg(?:Add|Max|Min|Broadcast)_\w+)\(/g)].map((m) =>
      m[1]!
    ),
  );
  if (calls.size === 0) return code;
  const prelude = [`var<private> sg_lane: u32;`];
  for (const type of new Set([...calls].map((call) => call.split("_")[1]!))) {
    prelude.push(`var<workgroup> sg_${type}: array<${type}, ${lanes}>;`);
  }
  for (const call of calls) prelude.push(emulation(call, lanes));
  // Every kernel's main notes its lane before anything else.
  const head = code.indexOf("fn main(") + "fn main(".length;
  const body = code.indexOf("{", head) + 1;
  const main = code.slice(0, head) +
    "@builtin(local_invocation_index) sg_index: u32, " +
    code.slice(head, body) + "\n  sg_lane = sg_index;" + code.slice(body);
  return `${prelude.join("\n")}\n${main}`;
}

function emulation(call: string, lanes: number): string {
  const [operation, type] = call.split("_") as [string, string];
  const cells = `sg_${type}`;
  if (operation === "sgBroadcast") {
    return `fn ${call}(x: ${type}, lane: u32) -> ${type} {
  workgroupBarrier();
  ${cells}[sg_lane] = x;
  workgroupBarrier();
  return ${cells}[lane];
}`;
  }
  const combine: Record<string, string> = {
    sgAdd: `r + ${cells}[i]`,
    sgMax: `max(r, ${cells}[i])`,
    sgMin: `min(r, ${cells}[i])`,
  };
  return `fn ${call}(x: ${type}) -> ${type} {
  workgroupBarrier();
  ${cells}[sg_lane] = x;
  workgroupBarrier();
  var r = ${cells}[0];
  for (var i = 1u; i < ${lanes}u; i++) { r = ${combine[operation]}; }
  return r;
}`;
}
