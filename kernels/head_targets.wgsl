// Picks each target's scaled logit out of one chunk of the vocabulary.
//
// targets[p] = (row, token id); picked [P] is written where the token lies in chunk.x … chunk.x + VALID − 1.
// Grid: ceil(P / 64) workgroups, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read> Z: array<f32>;
@group(0) @binding(1) var<storage, read> inverse_temperature: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> picked: array<f32>;
@group(0) @binding(4) var<storage, read> counts: vec4u;
@group(0) @binding(5) var<storage, read> chunk: vec4u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = id.y * groups.x * 64u + id.x;
  if (p >= counts.x) { return; }
  let row = targets[p].x;
  let column = targets[p].y - chunk.x; // before the chunk, the difference wraps round and is large too
  if (column < $(VALID)u) {
    picked[p] = Z[row * $(N)u + column] * inverse_temperature[row];
  }
}
