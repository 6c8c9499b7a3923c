// dX[index[r]] += dY[r], [R, D]. Rows of one index stand side by side; the first of them sums them all.
//
// Grid: one workgroup a row, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read> index: array<u32>;
@group(0) @binding(1) var<storage, read> dY: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dX: array<vec4f>;
@group(0) @binding(3) var<storage, read> rows: vec4u;

@compute @workgroup_size($S)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let row = group.y * groups.x + group.x;
  if (row >= rows.x) { return; }
  let into = index[row];
  if (row > 0u && index[row - 1u] == into) { return; }
  for (var c = local.x; c < $(D / 4)u; c += $(S)u) {
    var sum = dX[into * $(D / 4)u + c];
    for (var r = row; r < rows.x && index[r] == into; r++) {
      sum += dY[r * $(D / 4)u + c];
    }
    dX[into * $(D / 4)u + c] = sum;
  }
}
