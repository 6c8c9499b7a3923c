// Turns a chunk of logits into their gradient, in place.
//
// With p = softmax(z), z = Z / temperature and entropy H of a row:
//   d logprob(target) / dz_v = 1[v = target] − p_v        d H / dz_v = −p_v · (log p_v + H)
// row_state[r] = (log Σ exp z, H, Σ g over the row's targets, gradient of H); g [P] is a target's gradient,
// row_targets[r] … row_targets[r + 1] are the row's targets, targets[p] = (row, token id).
// Z [R, N] are those of the vocabulary's entries chunk.x … chunk.x + VALID − 1.
// One subgroup a row. Grid: R, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read_write> Z: array<vec4f>;
@group(0) @binding(1) var<storage, read> inverse_temperature: array<f32>;
@group(0) @binding(2) var<storage, read> row_state: array<vec4f>;
@group(0) @binding(3) var<storage, read> row_targets: array<u32>;
@group(0) @binding(4) var<storage, read> targets: array<vec2u>;
@group(0) @binding(5) var<storage, read> g: array<f32>;
@group(0) @binding(6) var<storage, read> rows: vec4u;
@group(0) @binding(7) var<storage, read> chunk: vec4u;

@compute @workgroup_size($S)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let row = group.y * groups.x + group.x;
  if (row >= rows.x) { return; }
  let at = row * $(N / 4)u;
  let scale = inverse_temperature[row];
  let state = row_state[row];
  for (var i = local.x; i < $(N / 4)u; i += $(S)u) {
    let logp = Z[at + i] * scale - state.x;
    let d = exp(logp) * (-state.z - state.w * (logp + state.y)) * scale;
//! if VALID % 4 || VALID < N
    let column = vec4u(i * 4u) + vec4u(0u, 1u, 2u, 3u);
    Z[at + i] = select(vec4f(), d, column < vec4u($(VALID)u));
//! else
    Z[at + i] = d;
//! end
  }
  // A lane adds only to what it wrote itself, so no barrier is needed.
  for (var t = row_targets[row]; t < row_targets[row + 1u]; t++) {
    let column = targets[t].y - chunk.x; // before the chunk, the difference wraps round and is large too
    if (column < $(VALID)u) {
      let i = column / 4u;
      if (i % $(S)u == local.x) { Z[at + i][column % 4u] += g[t] * scale; }
    }
  }
}
