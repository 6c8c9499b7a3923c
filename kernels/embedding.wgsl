// Y[t] = E[tokens[t · STRIDE] − FIRST] where that is one of the COUNT rows of this window of the embedding, [T, D].
//
// HALF 1: E holds float16 pairs, 2: bfloat16 pairs.
// Grid: ceil(T · D / 4 / 64) workgroups, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read> tokens: array<u32>;
//! if HALF
@group(0) @binding(1) var<storage, read> E: array<vec2u>;
//! else
@group(0) @binding(1) var<storage, read> E: array<vec4f>;
//! end
@group(0) @binding(2) var<storage, read_write> Y: array<vec4f>;
@group(0) @binding(3) var<storage, read> rows: vec4u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= rows.x * $(D / 4)u) { return; }
  let row = tokens[i / $(D / 4)u * $(STRIDE)u] - $(FIRST)u;
  if (row >= $(COUNT)u) { return; } // below the window, the difference wraps round and is large too
  let from_e = E[row * $(D / 4)u + i % $(D / 4)u];
//! if HALF == 1
  Y[i] = vec4f(unpack2x16float(from_e.x), unpack2x16float(from_e.y));
//! else
//! if HALF == 2
  Y[i] = bitcast<vec4f>(
    vec4u(from_e.x << 16u, from_e.x & 0xffff0000u, from_e.y << 16u, from_e.y & 0xffff0000u),
  );
//! else
  Y[i] = from_e;
//! end
//! end
}
