// Zeroes what lies off the diagonal blocks of G [OUT, WIDTH]: the gradient of adapters that share one matrix.
//
// Columns come in blocks of RANK; block b owns the rows spans[b].x … spans[b].y − 1. Grid: ceil(OUT · WIDTH / 64).
@group(0) @binding(0) var<storage, read_write> G: array<f32>;
@group(0) @binding(1) var<storage, read> spans: array<vec2u>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= $(OUT * WIDTH)u) { return; }
  let span = spans[i % $(WIDTH)u / $(RANK)u];
  let row = i / $(WIDTH)u;
  if (row < span.x || row >= span.y) { G[i] = 0.0; }
}
