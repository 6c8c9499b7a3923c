// partial[c, j] = Σ over the CHUNK rows t of chunk c of dY[t, j] [· X[t, j] · rstd[t]], first of two stages.
//
// Plain: the gradient of a bias. GAIN 1: the gradient of an RMSNorm's gain. N columns.
// Grid: x = ceil(T / CHUNK), y = ceil(N / 4 / S).
@group(0) @binding(0) var<storage, read> dY: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> partial: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: vec4u;
//! if GAIN
@group(0) @binding(3) var<storage, read> X: array<vec4f>;
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
//! end

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let column = group.y * $(S)u + local.x;
  if (column >= $(N / 4)u) { return; }
  let end = min(rows.x, (group.x + 1u) * $(CHUNK)u);
  var sum = vec4f();
  for (var t = group.x * $(CHUNK)u; t < end; t++) {
    let at = t * $(N / 4)u + column;
//! if GAIN
    sum += dY[at] * X[at] * rstd[t];
//! else
    sum += dY[at];
//! end
  }
  partial[group.x * $(N / 4)u + column] = sum;
}
