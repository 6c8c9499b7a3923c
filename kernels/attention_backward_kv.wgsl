// Gradients of attention.wgsl with respect to keys and values.
//
// A lane is a key; the queries that see any key of a tile stand in one stretch, from the tile itself to
// `tile_until[tile]` (exclusive, in tiles), whose query heads are summed in a fixed order. dqk [T, (H + K) · HD]
// receives the last K heads, dqkv [T, (H + 2K) · HD] the last K heads.
// Grid: x = ceil(T / S), y = K.
@group(0) @binding(0) var<storage, read> qk: array<vec4f>;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> visible_until: array<u32>;
@group(0) @binding(3) var<storage, read> tile_until: array<u32>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read> dO: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dqk: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> dqkv: array<vec4f>;

//! if WINDOW
@group(0) @binding(9) var<storage, read> positions: array<u32>;
//! end
@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let key = group.x * $(S)u + local.x;
  let kv_head = group.y;
  let until = visible_until[key];
//! if WINDOW
  let position = positions[key];
//! end
  let k_at = key * $((H + K) * HD / 4)u + ($(H)u + kv_head) * $(HD / 4)u;
  let v_at = key * $((H + 2 * K) * HD / 4)u + ($(H + K)u + kv_head) * $(HD / 4)u;
//! for c in 0..HD / 4
  let k$c = qk[k_at + $(c)u] * $SCALE;
  let v$c = qkv[v_at + $(c)u];
  var dk$c = vec4f();
  var dv$c = vec4f();
//! end
  let last = tile_until[group.x];
  for (var tile = group.x; tile < last; tile++) {
    let first_query = tile * $(S)u;
    for (var h = 0u; h < $(H / K)u; h++) {
      let head = kv_head * $(H / K)u + h;
      let query = first_query + local.x;
      let q_at = query * $((H + K) * HD / 4)u + head * $(HD / 4)u;
      let o_at = query * $(H * HD / 4)u + head * $(HD / 4)u;
      let norm = lse[query * $(H)u + head];
      let inner = delta[query * $(H)u + head];
//! if WINDOW
      let query_position = positions[query];
//! end
//! for i in 0..S
      var s$i = 0.0;
      var p$i = 0.0;
//! end
//! for c in 0..HD / 4
      {
        let q = qk[q_at + $(c)u];
        let g = dO[o_at + $(c)u];
//! for i in 0..S
        s$i += dot(k$c, sgBroadcast_vec4f(q, $(i)u));
        p$i += dot(v$c, sgBroadcast_vec4f(g, $(i)u));
//! end
      }
//! end
//! for i in 0..S
      s$i = select(
        0.0,
        exp(s$i - sgBroadcast_f32(norm, $(i)u)),
        key <= first_query + $(i)u && first_query + $(i)u < until,
      );
//! if WINDOW
      s$i = select(0.0, s$i, sgBroadcast_u32(query_position, $(i)u) < position + $(WINDOW)u);
//! end
      p$i = s$i * (p$i - sgBroadcast_f32(inner, $(i)u));
//! end
//! for c in 0..HD / 4
      {
        let q = qk[q_at + $(c)u];
        let g = dO[o_at + $(c)u];
//! for i in 0..S
        dv$c = fma(vec4f(s$i), sgBroadcast_vec4f(g, $(i)u), dv$c);
        dk$c = fma(vec4f(p$i), sgBroadcast_vec4f(q, $(i)u), dk$c);
//! end
      }
//! end
    }
  }
//! for c in 0..HD / 4
  dqk[k_at + $(c)u] = dk$c * $SCALE;
  dqkv[v_at + $(c)u] = dv$c;
//! end
}
