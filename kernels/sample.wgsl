// Draws each row's next token and moves its sequence on.
//
// sequence[r] = (token, position, page row, flags: bit 0 done); settings[r]: inverse temperature, top-p, min-p, top-k;
// limits[r] = (seed, last position, first output, greedy); stops[r · STOPS …]: ids that end the row (0xffffffff: none).
// Filters as in vLLM: min-p, then top-k, then top-p over what is left; thresholds are found by bisection, so that no
// vocabulary is sorted. Draws by Gumbel-max with noise from (seed, position, id): the same in every batch.
// logprob is that of the whole softmax at the temperature (at temperature 1 if greedy). V entries, Z [R, PITCH].
// One subgroup a row. Grid: R.
@group(0) @binding(0) var<storage, read> Z: array<f32>;
@group(0) @binding(1) var<storage, read_write> sequence: array<vec4u>;
@group(0) @binding(2) var<storage, read> settings: array<vec4f>;
@group(0) @binding(3) var<storage, read> limits: array<vec4u>;
@group(0) @binding(4) var<storage, read> stops: array<u32>;
@group(0) @binding(5) var<storage, read_write> sampled: array<u32>;
@group(0) @binding(6) var<storage, read_write> logprobs: array<f32>;

fn hash(seed: u32) -> u32 {
  var x = seed;
  x ^= x >> 16u;
  x *= 0x7feb352du;
  x ^= x >> 15u;
  x *= 0x846ca68bu;
  x ^= x >> 16u;
  return x;
}

/// How many of the row's entries, and how much probability, lie at or above `floor`.
fn mass(at: u32, lane: u32, scale: f32, peak: f32, floor: f32) -> vec2f {
  var sum = vec2f();
  for (var i = lane; i < $(V)u; i += $(S)u) {
    let z = Z[at + i] * scale - peak;
    if (z >= floor) { sum += vec2f(1.0, exp(z)); }
  }
  return sum;
}

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let row = group.x;
  let lane = local.x;
  let at = row * $(PITCH)u;
  let state = sequence[row];
  let setting = settings[row];
  let limit = limits[row];
  let scale = setting.x;
  let greedy = limit.w == 1u;

  var high = -1e30;
  for (var i = lane; i < $(V)u; i += $(S)u) { high = max(high, Z[at + i] * scale); }
  let peak = sgMax_f32(high);
  var sum = 0.0;
  for (var i = lane; i < $(V)u; i += $(S)u) { sum += exp(Z[at + i] * scale - peak); }
  let total = sgAdd_f32(sum);

  // Logits below `floor` (relative to the peak) are not drawn.
  var floor = -1e30;
  if (setting.z > 0.0) { floor = log(setting.z); }
  if (!greedy && setting.w > 0.0) {
    // `low` keeps more than k entries, `high` at most k; ties at the k-th place are kept together.
    var low = -100.0;
    var high = 0.0;
    for (var step = 0u; step < 40u; step++) {
      let middle = (low + high) * 0.5;
      let kept = sgAdd_f32(mass(at, lane, scale, peak, max(floor, middle)).x);
      if (kept > setting.w) { low = middle; } else { high = middle; }
    }
    let kept = sgAdd_f32(mass(at, lane, scale, peak, max(floor, high)).x);
    floor = max(floor, select(low, high, kept >= setting.w));
  }
  if (!greedy && setting.y < 1.0) {
    let whole = sgAdd_f32(mass(at, lane, scale, peak, floor).y);
    var low = -100.0;
    var high = 0.0;
    for (var step = 0u; step < 40u; step++) {
      let middle = (low + high) * 0.5;
      let kept = sgAdd_f32(mass(at, lane, scale, peak, max(floor, middle)).y);
      if (kept >= setting.y * whole) { low = middle; } else { high = middle; }
    }
    floor = max(floor, low);
  }

  var best = -1e30;
  var choice = $(V)u;
  for (var i = lane; i < $(V)u; i += $(S)u) {
    let z = Z[at + i] * scale - peak;
    var noise = 0.0;
    if (!greedy) {
      let bits = hash(hash(limit.x + 0x9e3779b9u * state.y) ^ (i * 0x85ebca6bu));
      // Strictly between 0 and 1; where it is small, log(1 - u) would keep none of its digits.
      let u = (f32(bits >> 9u) + 0.5) / 8388608.0;
      noise = -log(select(-log(1.0 - u), u + 0.5 * u * u, u < 0.001));
    }
    let score = select(-1e30, z + noise, z >= floor);
    if (score > best) {
      best = score;
      choice = i;
    }
  }
  let winner = sgMax_f32(best);
  let token = sgMin_u32(select($(V)u, choice, best == winner));

  if (lane == 0u && (state.w & 1u) == 0u) {
    let next = state.y + 1u;
    sampled[row * $(STEPS)u + next - limit.z] = token;
    logprobs[row * $(STEPS)u + next - limit.z] = Z[at + token] * scale - peak - log(total);
    var done = select(0u, 1u, next >= limit.y);
    for (var i = 0u; i < $(STOPS)u; i++) {
      if (stops[row * $(STOPS)u + i] == token) { done = 1u; }
    }
    if (done == 1u) {
      sequence[row].w = 1u;
    } else {
      sequence[row] = vec4u(token, next, state.z, 0u);
    }
    sequence[row].w |= (next - limit.z + 1u) << 1u;
  }
}
