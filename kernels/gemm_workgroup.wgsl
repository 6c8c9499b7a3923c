// C = [ALPHA ·] op(A) · op(B) [+ R] [+ bias]; 64 × 64 tiles staged through workgroup memory, for real GPUs.
//
// Modes, shapes, epilogue and order of summation are those of gemm_subgroup.wgsl.
//
// Grid: x = ceil(N / 64), y = ceil(M / 64); 16 × 16 threads of 4 × 4 elements each.
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

var<workgroup> tile_a: array<f32, 1024>; // [16 k][64 m]
var<workgroup> tile_b: array<vec4f, 256>; // [16 k][64 n]

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

@compute @workgroup_size(16, 16)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let row0 = group.y * 64u;
  let col0 = group.x * 64u;
//! if MODE == 2
  let first = span.x;
  let depth = span.y;
//! else
  let first = 0u;
  let depth = $(K)u;
//! end
  //! for i in 0..4
  var c$i = vec4f();
  //! end
  for (var k0 = first; k0 < depth; k0 += 16u) {
    for (var i = thread; i < 1024u; i += 256u) {
//! if MODE == 2
      let k = k0 + i / 64u;
      let m = row0 + i % 64u;
      tile_a[i] = select(0.0, A[k * $(LDA)u + $(A0)u + m], k < depth && m < $(M)u);
//! else
      let k = k0 + i % 16u;
      tile_a[i % 16u * 64u + i / 16u] = select(0.0, A[(row0 + i / 16u) * $(LDA)u + $(A0)u + k], k < depth);
//! end
    }
    // A thread fills whole vectors: writes to parts of one, from several threads, would race.
//! if MODE == 1
    let k = k0 + thread % 16u;
    let n = col0 + thread / 16u * 4u;
    let at = thread % 16u * 16u + thread / 16u;
//! else
    let k = k0 + thread / 16u;
    let n = col0 + thread % 16u * 4u;
    let at = thread;
//! end
    var b = vec4f();
    //! for j in 0..4
    if (k < depth && n + $(j)u < $(N)u) {
//! if MODE == 1
      b[$j] = weight((n + $(j)u) * $(K)u + k);
//! else
      b[$j] = weight(k * $(N)u + n + $(j)u);
//! end
    }
    //! end
    tile_b[at] = b;
    workgroupBarrier();
    // Rows past the end would add zeroes, but fma(0, b, c) is not c for every b: stop where A stops.
    let steps = min(16u, depth - k0);
    for (var k = 0u; k < steps; k++) {
      let b = tile_b[k * 16u + local.x];
      //! for i in 0..4
      c$i = fma(vec4f(tile_a[k * 64u + local.y * 4u + $(i)u]), b, c$i);
      //! end
    }
    workgroupBarrier();
  }
  //! for i in 0..4
  {
    let row = row0 + local.y * 4u + $(i)u;
    //! for j in 0..4
    {
      let col = col0 + local.x * 4u + $(j)u;
//! if MODE == 2
      if (col < $(N)u && row < $(M)u) {
//! else
      if (col < $(N)u) {
//! end
        let at = row * $(LDC)u + $(C0)u + col;
        var value = c$i[$j];
//! if SCALED
        value *= $ALPHA;
//! end
//! if MODE == 2
        value += C[at];
//! end
//! if RESIDUAL
        value += R[at];
//! end
//! if BIAS
        value += bias[col];
//! end
        C[at] = value;
      }
    }
    //! end
  }
  //! end
}
