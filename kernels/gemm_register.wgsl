// C = [ALPHA ·] op(A) · op(B) [+ R] [+ bias]; registers only: neither subgroups nor workgroup memory.
//
// Modes, shapes, epilogue and order of summation are those of gemm_subgroup.wgsl. The rows of a tile are
// the same for all lanes, so that a compiler which sees it loads A once for all of them.
//
// Grid: x = ceil(N / (S · TN)), y = ceil(M / TM). TN columns a lane, S apart.
@group(0) @binding(0) var<storage, read> A: array<f32>;
//! if HALF
@group(0) @binding(1) var<storage, read> B: array<u32>;
//! else
@group(0) @binding(1) var<storage, read> B: array<f32>;
//! end
@group(0) @binding(2) var<storage, read_write> C: array<f32>;
@group(0) @binding(3) var<storage, read> span: vec4u;
//! if RESIDUAL
@group(0) @binding(4) var<storage, read> R: array<f32>;
//! end
//! if BIAS
@group(0) @binding($(4 + RESIDUAL)) var<storage, read> bias: array<f32>;
//! end

fn weight(i: u32) -> f32 {
//! if HALF == 1
  return unpack2x16float(B[i / 2u])[i % 2u];
//! else
//! if HALF == 2
  return bitcast<f32>(select(B[i / 2u] << 16u, B[i / 2u] & 0xffff0000u, i % 2u == 1u));
//! else
  return B[i];
//! end
//! end
}

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let row0 = group.y * $(TM)u;
  //! for j in 0..TN
  let col$j = group.x * $(S * TN)u + local.x + $(j * S)u;
  let safe$j = min(col$j, $(N - 1)u);
  //! end
  //! for i in 0..TM
  //! for j in 0..TN
  var c$(i)_$j = 0.0;
  //! end
  //! end
//! if MODE == 2
  for (var k = span.x; k < span.y; k++) {
//! else
  for (var k = 0u; k < $(K)u; k++) {
//! end
    //! for j in 0..TN
//! if MODE == 1
    let b$j = weight(safe$j * $(K)u + k);
//! else
    let b$j = weight(k * $(N)u + safe$j);
//! end
    //! end
    //! for i in 0..TM
    {
//! if MODE == 2
      let a = A[k * $(LDA)u + $(A0)u + min(row0 + $(i)u, $(M - 1)u)];
//! else
      let a = A[(row0 + $(i)u) * $(LDA)u + $(A0)u + k];
//! end
      //! for j in 0..TN
      c$(i)_$j = fma(a, b$j, c$(i)_$j);
      //! end
    }
    //! end
  }
  //! for i in 0..TM
  //! for j in 0..TN
//! if MODE == 2
  if (col$j < $(N)u && row0 + $(i)u < $(M)u) {
//! else
  if (col$j < $(N)u) {
//! end
    let at = (row0 + $(i)u) * $(LDC)u + $(C0)u + col$j;
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
    c$(i)_$j += bias[col$j];
//! end
    C[at] = c$(i)_$j;
  }
  //! end
  //! end
}
