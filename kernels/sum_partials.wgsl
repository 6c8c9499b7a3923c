// sums[j] += Σ partial[c, j] over the chunks c = 0 … ceil(rows.x / CHUNK) − 1, second of two stages.
//
// `partial` has PITCH columns, of which N from OFFSET on are summed.
// Grid: ceil(N / S).
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@group(0) @binding(2) var<storage, read> rows: vec4u;

@compute @workgroup_size($S)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= $(N)u) { return; }
  let chunks = (rows.x + $(CHUNK - 1)u) / $(CHUNK)u;
  var sum = sums[id.x];
  for (var c = 0u; c < chunks; c++) {
    sum += partial[c * $(PITCH)u + $(OFFSET)u + id.x];
  }
  sums[id.x] = sum;
}
