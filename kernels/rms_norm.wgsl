// Y = X · rstd · gain with rstd = 1 / √(mean(X²) + ε), [T, D] (Zhang & Sennrich, arXiv 1910.07467).
//
// One subgroup a row, ROWS rows in turn. EPSILON is a literal such as "1e-6".
// Grid: ceil(T / ROWS).
@group(0) @binding(0) var<storage, read> X: array<vec4f>;
@group(0) @binding(1) var<storage, read> gain: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> Y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  for (var q = 0u; q < $(ROWS)u; q++) {
    let row = group.x * $(ROWS)u + q;
    let at = row * $(D / 4)u;
    var squares = 0.0;
    for (var i = local.x; i < $(D / 4)u; i += $(S)u) {
      squares += dot(X[at + i], X[at + i]);
    }
    let r = inverseSqrt(sgAdd_f32(squares) / $(D).0 + $EPSILON);
    for (var i = local.x; i < $(D / 4)u; i += $(S)u) {
      Y[at + i] = X[at + i] * r * gain[i];
    }
    if (local.x == 0u) { rstd[row] = r; }
  }
}
