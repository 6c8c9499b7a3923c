// partial[w] = Σ G² over the w-th of W equal stretches: first stage of the gradients' global norm.
//
// settings.x = number of vec4 in G, settings.y = first place in `partial`. Grid: W.
@group(0) @binding(0) var<storage, read> G: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;
@group(0) @binding(2) var<storage, read> settings: vec4u;

@compute @workgroup_size($S)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let stretch = (settings.x + groups.x - 1u) / groups.x;
  let end = min(settings.x, (group.x + 1u) * stretch);
  var sum = 0.0;
  for (var i = group.x * stretch + local.x; i < end; i += $(S)u) {
    sum += dot(G[i], G[i]);
  }
  sum = sgAdd_f32(sum);
  if (local.x == 0u) { partial[settings.y + group.x] = sum; }
}
