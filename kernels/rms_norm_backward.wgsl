// dX += rstd · (dY · gain) − X · rstd³ · mean(X · dY · gain), [T, D]; adds to the residual's gradient.
//
// ACCUMULATE 0 writes instead of adding.
// One subgroup a row, ROWS rows in turn. Grid: ceil(T / ROWS).
@group(0) @binding(0) var<storage, read> X: array<vec4f>;
@group(0) @binding(1) var<storage, read> gain: array<vec4f>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> dY: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dX: array<vec4f>;

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  for (var q = 0u; q < $(ROWS)u; q++) {
    let row = group.x * $(ROWS)u + q;
    let at = row * $(D / 4)u;
    var inner = 0.0;
    for (var i = local.x; i < $(D / 4)u; i += $(S)u) {
      inner += dot(X[at + i], dY[at + i] * gain[i]);
    }
    let r = rstd[row];
    let shift = sgAdd_f32(inner) * r * r * r / $(D).0;
    for (var i = local.x; i < $(D / 4)u; i += $(S)u) {
//! if ACCUMULATE
      dX[at + i] += dY[at + i] * gain[i] * r - X[at + i] * shift;
//! else
      dX[at + i] = dY[at + i] * gain[i] * r - X[at + i] * shift;
//! end
    }
  }
}
