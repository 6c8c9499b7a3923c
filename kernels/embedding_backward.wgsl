// dE[v] += Σ dX[t] over the tokens t that are v. The host sorts the positions by token id, so that each
// distinct token is summed by one workgroup in a fixed order: no atomics.
//
// This window of the embedding holds the COUNT rows from FIRST on; tokens outside it are left to others.
// distinct[u] = (token id, first, last + 1, 0) into `order`, which holds positions.
// Grid: one workgroup a distinct token, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read> distinct: array<vec4u>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> dX: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dE: array<vec4f>;
@group(0) @binding(4) var<storage, read> counts: vec4u;

@compute @workgroup_size($S)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let u = group.y * groups.x + group.x;
  if (u >= counts.x) { return; }
  let entry = distinct[u];
  let row = entry.x - $(FIRST)u;
  if (row >= $(COUNT)u) { return; }
  for (var c = local.x; c < $(D / 4)u; c += $(S)u) {
    var sum = dE[row * $(D / 4)u + c];
    for (var i = entry.y; i < entry.z; i++) {
      sum += dX[order[i] * $(D / 4)u + c];
    }
    dE[row * $(D / 4)u + c] = sum;
  }
}
