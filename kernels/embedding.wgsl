// Y[t] = E[tokens[t · STRIDE]]: rows of the embedding, [T, D].
//
// Grid: ceil(T · D / 4 / 64) workgroups, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read> tokens: array<u32>;
@group(0) @binding(1) var<storage, read> E: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> Y: array<vec4f>;
@group(0) @binding(3) var<storage, read> rows: vec4u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= rows.x * $(D / 4)u) { return; }
  Y[i] = E[tokens[i / $(D / 4)u * $(STRIDE)u] * $(D / 4)u + i % $(D / 4)u];
}
