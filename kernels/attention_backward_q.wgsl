// Gradient of attention.wgsl with respect to the queries, and delta = Σ dO · O a query and head.
//
// dqk [T, (H + K) · HD] receives the first H heads; delta [T, H]. Layout and tiles as in attention.wgsl.
// Grid: x = ceil(T / S), y = H.
@group(0) @binding(0) var<storage, read> qk: array<vec4f>;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> visible_until: array<u32>;
@group(0) @binding(3) var<storage, read> tile_start: array<u32>;
@group(0) @binding(4) var<storage, read> tile_list: array<u32>;
@group(0) @binding(5) var<storage, read> O: array<vec4f>;
@group(0) @binding(6) var<storage, read> lse: array<f32>;
@group(0) @binding(7) var<storage, read> dO: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> dqk: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> delta: array<f32>;

//! if WINDOW
@group(0) @binding(10) var<storage, read> positions: array<u32>;
//! end
@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let q = group.x * $(S)u + local.x;
  let head = group.y;
  let kv_head = head / $(H / K)u;
  let q_at = q * $((H + K) * HD / 4)u + head * $(HD / 4)u;
  let o_at = q * $(H * HD / 4)u + head * $(HD / 4)u;
  var inner = 0.0;
//! for c in 0..HD / 4
  let q$c = qk[q_at + $(c)u] * $SCALE;
  let g$c = dO[o_at + $(c)u];
  inner += dot(g$c, O[o_at + $(c)u]);
  var d$c = vec4f();
//! end
  let norm = lse[q * $(H)u + head];
//! if WINDOW
  let position = positions[q];
//! end
  delta[q * $(H)u + head] = inner;
  let last = tile_start[group.x + 1u];
  for (var at = tile_start[group.x]; at < last; at++) {
    let first_key = tile_list[at] * $(S)u;
    let key = first_key + local.x;
    let until = visible_until[key];
//! if WINDOW
    let key_position = positions[key];
//! end
    let k_at = key * $((H + K) * HD / 4)u + ($(H)u + kv_head) * $(HD / 4)u;
    let v_at = key * $((H + 2 * K) * HD / 4)u + ($(H + K)u + kv_head) * $(HD / 4)u;
//! for i in 0..S
    var s$i = 0.0;
    var p$i = 0.0;
//! end
//! for c in 0..HD / 4
    {
      let k = qk[k_at + $(c)u];
      let v = qkv[v_at + $(c)u];
//! for i in 0..S
      s$i += dot(q$c, sgBroadcast_vec4f(k, $(i)u));
      p$i += dot(g$c, sgBroadcast_vec4f(v, $(i)u));
//! end
    }
//! end
//! for i in 0..S
    s$i = select(
      0.0,
      exp(s$i - norm) * (p$i - inner),
      first_key + $(i)u <= q && q < sgBroadcast_u32(until, $(i)u),
    );
//! if WINDOW
    s$i = select(0.0, s$i, position < sgBroadcast_u32(key_position, $(i)u) + $(WINDOW)u);
//! end
//! end
//! for c in 0..HD / 4
    {
      let k = qk[k_at + $(c)u];
//! for i in 0..S
      d$c = fma(vec4f(s$i), sgBroadcast_vec4f(k, $(i)u), d$c);
//! end
    }
//! end
  }
//! for c in 0..HD / 4
  dqk[q_at + $(c)u] = d$c * $SCALE;
//! end
}
