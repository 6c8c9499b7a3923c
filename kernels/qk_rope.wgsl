// Queries and keys, ready for attention: optional RMSNorm over each head (Qwen3), then rotation (RoPE,
// arXiv 2104.09864, the two halves of a head forming the pairs, as Hugging Face has it).
//
// qkv [T, (H + 2K) · HD] → qk [T, (H + K) · HD]; `rotary[p, i]` = (cos, sin) of position p and pair i.
// One subgroup a head. Grid: x = T, y = 1; the heads of a token in turn.
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> rotary: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> qk: array<f32>;
//! if QK_NORM
@group(0) @binding(4) var<storage, read> q_gain: array<f32>;
@group(0) @binding(5) var<storage, read> k_gain: array<f32>;
//! end

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let t = group.x;
  let turn = positions[t] * $(HD / 2)u;
  for (var h = 0u; h < $(H + K)u; h++) {
    let source = t * $((H + 2 * K) * HD)u + h * $(HD)u;
    let into = t * $((H + K) * HD)u + h * $(HD)u;
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
      qk[into + i] = a * w.x - b * w.y;
      qk[into + i + $(HD / 2)u] = b * w.x + a * w.y;
    }
  }
}
