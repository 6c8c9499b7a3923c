// Gradient of qk_rope.wgsl: dqk [T, (H + K) · HD] → the first (H + K) heads of dqkv [T, (H + 2K) · HD].
//
// With QK_NORM also partial gain gradients, [chunks, 2 · HD] (queries, then keys), for sum_partials.wgsl.
// A subgroup takes CHUNK tokens in turn. Grid: ceil(T / CHUNK).
@group(0) @binding(0) var<storage, read> dqk: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> rotary: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(4) var<storage, read> rows: vec4u;
//! if QK_NORM
@group(0) @binding(5) var<storage, read> qkv: array<f32>;
@group(0) @binding(6) var<storage, read> q_gain: array<f32>;
@group(0) @binding(7) var<storage, read> k_gain: array<f32>;
@group(0) @binding(8) var<storage, read_write> partial: array<f32>;
//! end

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let end = min(rows.x, (group.x + 1u) * $(CHUNK)u);
//! for p in 0..(HD / 2 + S - 1) / S
  var q_sum$p = vec2f();
  var k_sum$p = vec2f();
//! end
  for (var t = group.x * $(CHUNK)u; t < end; t++) {
    let turn = positions[t] * $(HD / 2)u;
    for (var h = 0u; h < $(H + K)u; h++) {
      let source = t * $((H + K) * HD)u + h * $(HD)u;
      let into = t * $((H + 2 * K) * HD)u + h * $(HD)u;
      let is_query = h < $(H)u;
//! if QK_NORM
      var squares = 0.0;
      var inner = 0.0;
//! end
//! for p in 0..(HD / 2 + S - 1) / S
      var d$p = vec2f();
      var x$p = vec2f();
      var g$p = vec2f();
      let i$p = local.x + $(p * S)u;
      if (i$p < $(HD / 2)u) {
        let a = dqk[source + i$p];
        let b = dqk[source + i$p + $(HD / 2)u];
        let w = rotary[turn + i$p];
        d$p = vec2f(a * w.x + b * w.y, b * w.x - a * w.y);
//! if QK_NORM
        x$p = vec2f(qkv[into + i$p], qkv[into + i$p + $(HD / 2)u]);
        g$p = select(
          vec2f(k_gain[i$p], k_gain[i$p + $(HD / 2)u]),
          vec2f(q_gain[i$p], q_gain[i$p + $(HD / 2)u]),
          is_query,
        );
        squares += dot(x$p, x$p);
        inner += dot(x$p, d$p * g$p);
//! end
      }
//! end
//! if QK_NORM
      let r = inverseSqrt(sgAdd_f32(squares) / $(HD).0 + $EPSILON);
      let shift = sgAdd_f32(inner) * r * r * r / $(HD).0;
//! end
//! for p in 0..(HD / 2 + S - 1) / S
      if (i$p < $(HD / 2)u) {
//! if QK_NORM
        let gain_gradient = d$p * x$p * r;
        q_sum$p += select(vec2f(), gain_gradient, is_query);
        k_sum$p += select(gain_gradient, vec2f(), is_query);
        d$p = d$p * g$p * r - x$p * shift;
//! end
        dqkv[into + i$p] = d$p.x;
        dqkv[into + i$p + $(HD / 2)u] = d$p.y;
      }
//! end
    }
  }
//! if QK_NORM
  let out = group.x * $(2 * HD)u + local.x;
//! for p in 0..(HD / 2 + S - 1) / S
  if (local.x + $(p * S)u < $(HD / 2)u) {
    partial[out + $(p * S)u] = q_sum$p.x;
    partial[out + $(p * S + HD / 2)u] = q_sum$p.y;
    partial[out + $(p * S + HD)u] = k_sum$p.x;
    partial[out + $(p * S + HD + HD / 2)u] = k_sum$p.y;
  }
//! end
//! end
}
