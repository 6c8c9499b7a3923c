// Attention of one new token a row over its sequence's cached keys and values.
//
// A row's keys are the cache slots pages[page_row · CONTEXT + 0 … position]: any token may live in any slot, so
// sequences share the slots of a common prefix. Lanes take every S-th key; their partial softmaxes are joined at
// the end. A row's result depends on nothing but its own keys in their order: batches do not change it.
// sequence[r] = (token, position, page row, flags). Grid: x = R, y = H.
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> cache_k: array<vec4f>;
@group(0) @binding(2) var<storage, read> cache_v: array<vec4f>;
@group(0) @binding(3) var<storage, read> sequence: array<vec4u>;
@group(0) @binding(4) var<storage, read> pages: array<u32>;
@group(0) @binding(5) var<storage, read_write> O: array<vec4f>;

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let row = group.x;
  let head = group.y;
  let keys = sequence[row].y + 1u;
  let page = sequence[row].z * $(CONTEXT)u;
  let at = row * $(H * HD / 4)u + head * $(HD / 4)u;
//! for c in 0..HD / 4
  let q$c = q[at + $(c)u] * $SCALE;
  var o$c = vec4f();
//! end
  var peak = -1e30;
  var total = 0.0;
  for (var j = local.x; j < keys; j += $(S)u) {
    let base = pages[page + j] * $(K * HD / 4)u + head / $(H / K)u * $(HD / 4)u;
    var s = 0.0;
//! for c in 0..HD / 4
    s += dot(q$c, cache_k[base + $(c)u]);
//! end
    let higher = max(peak, s);
    let shrink = exp(peak - higher);
    let e = exp(s - higher);
    peak = higher;
    total = total * shrink + e;
//! for c in 0..HD / 4
    o$c = o$c * shrink + e * cache_v[base + $(c)u];
//! end
  }
  let highest = sgMax_f32(peak);
  let scale = exp(peak - highest);
  total = sgAdd_f32(total * scale);
//! for c in 0..HD / 4
  o$c = sgAdd_vec4f(o$c * scale);
//! end
  if (local.x == 0u) {
//! for c in 0..HD / 4
    O[at + $(c)u] = o$c / total;
//! end
  }
}
