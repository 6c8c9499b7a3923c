// One decoding step's queries, keys and values: optional RMSNorm over each head, rotation, and the new key and
// value written to the cache.
//
// qkv [R, (H + 2K) · HD]; row r decodes one position of its sequence. q [R, H · HD] is the rotated query;
// cache_k and cache_v [slots, K · HD] at slot pages[page row · CONTEXT + position]; sequence[r] as in sample.wgsl.
// One subgroup a row. Grid: R.
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> rotary: array<vec2f>;
@group(0) @binding(2) var<storage, read> sequence: array<vec4u>;
@group(0) @binding(3) var<storage, read> pages: array<u32>;
@group(0) @binding(4) var<storage, read_write> q: array<f32>;
@group(0) @binding(5) var<storage, read_write> cache_k: array<f32>;
@group(0) @binding(6) var<storage, read_write> cache_v: array<f32>;
//! if QK_NORM
@group(0) @binding(7) var<storage, read> q_gain: array<f32>;
@group(0) @binding(8) var<storage, read> k_gain: array<f32>;
//! end

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let row = group.x;
  let position = sequence[row].y;
  let turn = position * $(HD / 2)u;
  let slot = pages[sequence[row].z * $(CONTEXT)u + position];
  for (var h = 0u; h < $(H + K)u; h++) {
    let source = row * $((H + 2 * K) * HD)u + h * $(HD)u;
//! if QK_NORM
    var squares = 0.0;
    for (var i = local.x; i < $(HD)u; i += $(S)u) {
      squares += qkv[source + i] * qkv[source + i];
    }
    let r = inverseSqrt(sgAdd_f32(squares) / $(HD).0 + $EPSILON);
//! end
    for (var i = local.x; i < $(HD / 2)u; i += $(S)u) {
      var a = qkv[source + i];
      var b = qkv[source + i + $(HD / 2)u];
//! if QK_NORM
      a *= r * select(k_gain[i], q_gain[i], h < $(H)u);
      b *= r * select(k_gain[i + $(HD / 2)u], q_gain[i + $(HD / 2)u], h < $(H)u);
//! end
      let w = rotary[turn + i];
      let x = a * w.x - b * w.y;
      let y = b * w.x + a * w.y;
      if (h < $(H)u) {
        q[row * $(H * HD)u + h * $(HD)u + i] = x;
        q[row * $(H * HD)u + h * $(HD)u + i + $(HD / 2)u] = y;
      } else {
        cache_k[slot * $(K * HD)u + (h - $(H)u) * $(HD)u + i] = x;
        cache_k[slot * $(K * HD)u + (h - $(H)u) * $(HD)u + i + $(HD / 2)u] = y;
      }
    }
  }
  let values = row * $((H + 2 * K) * HD)u + $((H + K) * HD)u;
  for (var i = local.x; i < $(K * HD)u; i += $(S)u) {
    cache_v[slot * $(K * HD)u + i] = qkv[values + i];
  }
}
