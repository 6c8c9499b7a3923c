// Grouped-query attention over token trees, flash-style (arXiv 2205.14135): O = softmax(Q·Kᵀ / √HD + mask)·V.
//
// Query q sees key k exactly when k ≤ q < visible_until[k]. A tile is S queries (a lane each) by S keys
// (broadcast in turn); WINDOW > 0 hides keys that stand WINDOW positions or more before the query; `tile_list[tile_start[i] … tile_start[i + 1])` names the key tiles in which query tile i
// sees anything, in rising order: the others are never visited, and no N × N matrix exists.
//
// qk [T, (H + K) · HD], v in qkv [T, (H + 2K) · HD]; O [T, H · HD]; lse [T, H] = log Σ exp of the scores.
// Grid: x = ceil(T / S), y = H.
@group(0) @binding(0) var<storage, read> qk: array<vec4f>;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> visible_until: array<u32>;
@group(0) @binding(3) var<storage, read> tile_start: array<u32>;
@group(0) @binding(4) var<storage, read> tile_list: array<u32>;
@group(0) @binding(5) var<storage, read_write> O: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

//! if WINDOW
@group(0) @binding(7) var<storage, read> positions: array<u32>;
//! end
@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let q = group.x * $(S)u + local.x;
  let head = group.y;
  let kv_head = head / $(H / K)u;
  let q_at = q * $((H + K) * HD / 4)u + head * $(HD / 4)u;
//! for c in 0..HD / 4
  let q$c = qk[q_at + $(c)u] * $SCALE;
  var o$c = vec4f();
//! end
//! if WINDOW
  let position = positions[q];
//! end
  var peak = -1e30;
  var total = 0.0;
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
//! end
//! for c in 0..HD / 4
    {
      let k = qk[k_at + $(c)u];
//! for i in 0..S
      s$i += dot(q$c, sgBroadcast_vec4f(k, $(i)u));
//! end
    }
//! end
    var higher = peak;
//! for i in 0..S
    s$i = select(-1e30, s$i, first_key + $(i)u <= q && q < sgBroadcast_u32(until, $(i)u));
//! if WINDOW
    s$i = select(-1e30, s$i, position < sgBroadcast_u32(key_position, $(i)u) + $(WINDOW)u);
//! end
    higher = max(higher, s$i);
//! end
    let shrink = exp(peak - higher);
    peak = higher;
    total *= shrink;
//! for i in 0..S
    s$i = select(0.0, exp(s$i - peak), s$i > -1e29);
    total += s$i;
//! end
//! for c in 0..HD / 4
    {
      let v = qkv[v_at + $(c)u];
      o$c *= shrink;
//! for i in 0..S
      o$c = fma(vec4f(s$i), sgBroadcast_vec4f(v, $(i)u), o$c);
//! end
    }
//! end
  }
  let scale = 1.0 / total;
  let o_at = q * $(H * HD / 4)u + head * $(HD / 4)u;
//! for c in 0..HD / 4
  O[o_at + $(c)u] = o$c * scale;
//! end
  lse[q * $(H)u + head] = peak + log(total);
}
