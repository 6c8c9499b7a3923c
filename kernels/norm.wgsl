// norm[0] = √Σ partial: second stage of the gradients' global norm. settings.x entries. Grid: 1.
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<storage, read> settings: vec4u;

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u) {
  var sum = 0.0;
  for (var i = local.x; i < settings.x; i += $(S)u) {
    sum += partial[i];
  }
  sum = sgAdd_f32(sum);
  if (local.x == 0u) { norm[0] = sqrt(sum); }
}
