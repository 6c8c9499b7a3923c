// Y = silu(gate) · up (Shazeer, arXiv 2002.05202): gate and up side by side in GU [T, 2F], Y [T, F].
//
// Grid: ceil(T · F / 4 / 64) workgroups, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read> GU: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> Y: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: vec4u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= rows.x * $(F / 4)u) { return; }
  let at = i / $(F / 4)u * $(F / 2)u + i % $(F / 4)u;
  let gate = GU[at];
  Y[i] = gate / (1.0 + exp(-gate)) * GU[at + $(F / 4)u];
}
