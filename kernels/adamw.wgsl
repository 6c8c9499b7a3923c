// AdamW with decoupled weight decay (arXiv 1711.05101) and clipping by global norm, in place.
//
//   g ← G · min(1, max_norm / (‖G‖ + 1e-6))      m ← β₁m + (1 − β₁)g      v ← β₂v + (1 − β₂)g²
//   P ← P − η · (m̂ / (√v̂ + ε) + λP)
//
// settings: [η, β₁, β₂, ε, λ, 1 / (1 − β₁ᵗ), 1 / (1 − β₂ᵗ), max_norm (0: never clip)].
// norm[0] = ‖G‖ over all parameters; G is zeroed for the next step.
// Grid: ceil(COUNT / 64) workgroups of one vec4 a thread, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read_write> P: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> G: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> settings: array<f32, 8>;
@group(0) @binding(5) var<storage, read> norm: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= $(COUNT)u) { return; }
  var clip = 1.0;
  if (settings[7] > 0.0) { clip = min(1.0, settings[7] / (norm[0] + 1e-6)); }
  let g = G[i] * clip;
  let first = settings[1] * m[i] + (1.0 - settings[1]) * g;
  let second = settings[2] * v[i] + (1.0 - settings[2]) * g * g;
  m[i] = first;
  v[i] = second;
  G[i] = vec4f();
  let p = P[i] * (1.0 - settings[0] * settings[4]);
  P[i] = p - settings[0] * settings[5] * first / (sqrt(second * settings[6]) + settings[3]);
}
