// Attention of one new token a row over its sequence's cached keys and values.
//
// A row's keys are the cache slots pages[page row · CONTEXT + 0 … position]: any token may live in any slot, so
// sequences share the slots of a common prefix. Lanes take every S-th key, for all query heads that share it; their
// partial softmaxes are joined at the end. A row's result depends on nothing but its own keys in their order:
// batches do not change it.
// sequence[r] = (token, position, page row, flags). Grid: x = R, y = K.
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> cache_k: array<vec4f>;
@group(0) @binding(2) var<storage, read> cache_v: array<vec4f>;
@group(0) @binding(3) var<storage, read> sequence: array<vec4u>;
@group(0) @binding(4) var<storage, read> pages: array<u32>;
@group(0) @binding(5) var<storage, read_write> O: array<vec4f>;

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let row = group.x;
  let kv_head = group.y;
  let keys = sequence[row].y + 1u;
  let page = sequence[row].z * $(CONTEXT)u;
  let at = row * $(H * HD / 4)u + kv_head * $(H / K * HD / 4)u;
//! for h in 0..H / K
//! for c in 0..HD / 4
  let q$(h)_$c = q[at + $(h * HD / 4 + c)u] * $SCALE;
  var o$(h)_$c = vec4f();
//! end
  var peak$h = -1e30;
  var total$h = 0.0;
//! end
//! if WINDOW
  let first = max(keys, $(WINDOW)u) - $(WINDOW)u;
//! else
  let first = 0u;
//! end
  for (var j = first + local.x; j < keys; j += $(S)u) {
    let slot = pages[page + j] * $(K * HD / 4)u + kv_head * $(HD / 4)u;
//! for h in 0..H / K
    var s$h = 0.0;
//! end
//! for c in 0..HD / 4
    {
      let k = cache_k[slot + $(c)u];
//! for h in 0..H / K
      s$h += dot(q$(h)_$c, k);
//! end
    }
//! end
//! for h in 0..H / K
    let higher$h = max(peak$h, s$h);
    let shrink$h = exp(peak$h - higher$h);
    let e$h = exp(s$h - higher$h);
    peak$h = higher$h;
    total$h = total$h * shrink$h + e$h;
//! end
//! for c in 0..HD / 4
    {
      let v = cache_v[slot + $(c)u];
//! for h in 0..H / K
      o$(h)_$c = o$(h)_$c * shrink$h + e$h * v;
//! end
    }
//! end
  }
//! for h in 0..H / K
  let scale$h = exp(peak$h - sgMax_f32(peak$h));
  total$h = sgAdd_f32(total$h * scale$h);
//! for c in 0..HD / 4
  o$(h)_$c = sgAdd_vec4f(o$(h)_$c * scale$h);
//! end
//! end
  if (local.x == 0u) {
//! for h in 0..H / K
//! for c in 0..HD / 4
    O[at + $(h * HD / 4 + c)u] = o$(h)_$c / total$h;
//! end
//! end
  }
}
