// C = [ALPHA ·] op(A) · op(B) [+ R] [+ bias]; lanes along N, rows of A handed round by subgroup broadcast.
//
//   MODE 0, NN: A [M, K], B [K, N]     MODE 1, NT: A [M, K], B [N, K]     MODE 2, TN: A [K, M], B [K, N]
//
// NN and NT: M is the grid's, in steps of TM; buffers must hold M rounded up. K and N are literals.
// TN: sums over k = span.x … span.y − 1 (a stretch of the tokens, short enough for the caches) and adds to C.
// Each element is one chain of fma over k in rising order, whatever the tile: all kernels and tiles
// give the same bits, and a row's result does not depend on the rows beside it.
//
// Rows of A are LDA long, of which the product uses the columns from A0 on; C (and R) likewise with LDC and C0: so a
// matrix too large to be bound is multiplied in windows. HALF 1: B holds float16 pairs, 2: bfloat16 pairs.
//
// Grid: x = ceil(N / (S · TN)), y = ceil(M / TM). A lane holds TN columns, in fours that stand S fours apart.
@group(0) @binding(0) var<storage, read> A: array<vec4f>;
//! if HALF
@group(0) @binding(1) var<storage, read> B: array<vec2u>;
//! else
@group(0) @binding(1) var<storage, read> B: array<vec4f>;
//! end
@group(0) @binding(2) var<storage, read_write> C: array<vec4f>;
@group(0) @binding(3) var<storage, read> span: vec4u;
//! if RESIDUAL
@group(0) @binding(4) var<storage, read> R: array<vec4f>;
//! end
//! if BIAS
@group(0) @binding($(4 + RESIDUAL)) var<storage, read> bias: array<vec4f>;
//! end

fn weight(i: u32) -> vec4f {
//! if HALF == 1
  let pair = B[i];
  return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y));
//! else
//! if HALF == 2
  let pair = B[i];
  return bitcast<vec4f>(vec4u(pair.x << 16u, pair.x & 0xffff0000u, pair.y << 16u, pair.y & 0xffff0000u));
//! else
  return B[i];
//! end
//! end
}

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let lane = local.x;
  let row0 = group.y * $(TM)u;
  let col0 = group.x * $(S * TN / 4)u + lane; // in fours
  //! for i in 0..TM
  //! for j in 0..TN / 4
  var c$(i)_$j = vec4f();
  //! end
  //! end

//! if MODE == 2
  let m0 = $(A0 / 4)u + row0 / 4u + lane % $((TM + 3) / 4)u;
  for (var k = span.x; k < span.y; k++) {
    //! for g in 0..(TM + 4 * S - 1) / (4 * S)
    let a$g = A[k * $(LDA / 4)u + m0 + $(g * S)u];
    //! end
    //! for j in 0..TN / 4
    let b$j = weight(k * $(N / 4)u + col0 + $(j * S)u);
    //! end
    //! for i in 0..TM
    {
      let x = vec4f(sgBroadcast_f32(a$(i / 4 / S)[$(i % 4)], $(i / 4 % S)u));
      //! for j in 0..TN / 4
      c$(i)_$j = fma(x, b$j, c$(i)_$j);
      //! end
    }
    //! end
  }
//! else
  //! for g in 0..(TM + S - 1) / S
  let a_row$g = (row0 + $(g * S)u + lane % $(TM)u) * $(LDA / 4)u + $(A0 / 4)u;
  //! end
  //! if MODE == 1
  //! for j in 0..TN / 4
  let b_row$j = min(col0 + $(j * S)u, $(N / 4 - 1)u) * $(K)u;
  //! end
  //! end
  for (var k = 0u; k < $(K / 4)u; k++) {
    //! for g in 0..(TM + S - 1) / S
    let a$g = A[a_row$g + k];
    //! end
    //! for j in 0..TN / 4
    //! if MODE == 1
    //! for n in 0..4
    let w$(n)_$j = weight(b_row$j + $(n * K / 4)u + k);
    //! end
    //! for q in 0..4
    let b$(q)_$j = vec4f(w0_$j[$q], w1_$j[$q], w2_$j[$q], w3_$j[$q]);
    //! end
    //! else
    //! for q in 0..4
    let b$(q)_$j = weight((k * 4u + $(q)u) * $(N / 4)u + col0 + $(j * S)u);
    //! end
    //! end
    //! end
    //! for i in 0..TM
    {
      //! for q in 0..4
      let x$q = vec4f(sgBroadcast_f32(a$(i / S)[$q], $(i % S)u));
      //! for j in 0..TN / 4
      c$(i)_$j = fma(x$q, b$(q)_$j, c$(i)_$j);
      //! end
      //! end
    }
    //! end
  }
//! end

  //! for j in 0..TN / 4
  //! if N % (S * TN)
  if (col0 + $(j * S)u < $(N / 4)u) {
  //! else
  {
  //! end
    //! if BIAS
    let bias_$j = bias[col0 + $(j * S)u];
    //! end
    //! for i in 0..TM
    //! if MODE == 2 && GUARD_ROWS
    if (row0 + $(i)u < $(M)u) {
    //! else
    {
    //! end
      let at = (row0 + $(i)u) * $(LDC / 4)u + $(C0 / 4)u + col0 + $(j * S)u;
      //! if SCALED
      c$(i)_$j *= $ALPHA;
      //! end
      //! if MODE == 2
      c$(i)_$j += C[at];
      //! end
      //! if RESIDUAL
      c$(i)_$j += R[at];
      //! end
      //! if BIAS
      c$(i)_$j += bias_$j;
      //! end
      C[at] = c$(i)_$j;
    }
    //! end
  }
  //! end
}
