// Running softmax statistics of each row over one chunk of the vocabulary.
//
// Z [R, N] holds the logits of VALID vocabulary entries (columns past VALID are padding);
// inverse_temperature [R]. state[r] = (peak, Σ exp(z − peak), Σ exp(z − peak) · z, 0) with z = Z / temperature.
// INIT 1 starts the statistics, 0 continues them. One subgroup a row. Grid: R, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read> Z: array<vec4f>;
@group(0) @binding(1) var<storage, read> inverse_temperature: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(3) var<storage, read> rows: vec4u;

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
  var high = vec4f(-1e30);
  for (var i = local.x; i < $((VALID + 3) / 4)u; i += $(S)u) {
    high = max(high, valid(Z[at + i] * scale, i));
  }
  var peak = sgMax_f32(max(max(high.x, high.y), max(high.z, high.w)));
//! if !INIT
  peak = max(peak, state[row].x);
//! end
  var sum = vec4f();
  var weighted = vec4f();
  for (var i = local.x; i < $((VALID + 3) / 4)u; i += $(S)u) {
    let z = valid(Z[at + i] * scale, i);
    let e = exp(z - peak);
    sum += e;
    weighted += select(vec4f(), e * z, e > vec4f());
  }
  var total = sgAdd_f32(sum.x + sum.y + sum.z + sum.w);
  var moment = sgAdd_f32(weighted.x + weighted.y + weighted.z + weighted.w);
//! if !INIT
  let shrink = exp(state[row].x - peak);
  total += state[row].y * shrink;
  moment += state[row].z * shrink;
//! end
  if (local.x == 0u) { state[row] = vec4f(peak, total, moment, 0.0); }
}

fn valid(z: vec4f, i: u32) -> vec4f {
//! if VALID % 4
  let column = vec4u(i * 4u) + vec4u(0u, 1u, 2u, 3u);
  return select(vec4f(-1e30), z, column < vec4u($(VALID)u));
//! else
  return z;
//! end
}
