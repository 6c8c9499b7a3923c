// Y = mask · X / (1 − p), added to Y where ACCUMULATE; X [T, N]: inverted dropout (Srivastava et al., JMLR 15, 2014).
//
// The mask is a function of its place alone, so that it is never stored: Philox4x32-10 (Salmon et al., SC 2011) under the
// key (seed, step), at the counter (column / 4, row, stream, pass), gives a word for each of four columns, and an element
// stays where its word is at least THRESHOLD = ⌊p · 2³²⌋. SCALE is the literal 1 / (1 − p).
//
// rows: how many, and the place of the first of them within the batch.
// draw: seed, step, pass, and 0 where nothing is dropped. stream.x parts the masks of one pass from each other.
// Grid: ceil(T · N / 4 / 64) workgroups, in rows of 65535 along x.
@group(0) @binding(0) var<storage, read> X: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> Y: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: vec4u;
@group(0) @binding(3) var<storage, read> draw: vec4u;
@group(0) @binding(4) var<storage, read> stream: vec4u;

/// The upper halves of two 64-bit products.
fn upper(a: vec2u, b: vec2u) -> vec2u {
  let low = (a & vec2u(0xffff)) * (b & vec2u(0xffff));
  let middle = (a >> vec2u(16)) * (b & vec2u(0xffff)) + (low >> vec2u(16));
  let other = (a & vec2u(0xffff)) * (b >> vec2u(16)) + (middle & vec2u(0xffff));
  return (a >> vec2u(16)) * (b >> vec2u(16)) + (middle >> vec2u(16)) + (other >> vec2u(16));
}

fn philox(counter: vec4u, seed: vec2u) -> vec4u {
  const M = vec2u(0xd2511f53, 0xcd9e8d57);
  var c = counter;
  var key = seed;
  for (var round = 0; round < 10; round++) {
    let high = upper(M, c.xz);
    let low = M * c.xz;
    c = vec4u(high.y ^ c.y ^ key.x, low.y, high.x ^ c.w ^ key.y, low.x);
    key += vec2u(0x9e3779b9, 0xbb67ae85);
  }
  return c;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= rows.x * $(N / 4)u) { return; }
  var y = X[i];
  if (draw.w != 0u) {
    let words = philox(vec4u(i % $(N / 4)u, rows.y + i / $(N / 4)u, stream.x, draw.z), draw.xy);
    y = select(vec4f(), y * $SCALE, words >= vec4u($(THRESHOLD)u));
  }
//! if ACCUMULATE
  Y[i] += y;
//! else
  Y[i] = y;
//! end
}
