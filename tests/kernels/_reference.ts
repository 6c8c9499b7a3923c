/** The operations of `kernels/`, as plainly as they can be written, in float64. */

/** Shape of attention: H query heads, K key and value heads of width HD. */
export interface HeadShape {
  readonly H: number;
  readonly K: number;
  readonly HD: number;
}

/** RMSNorm of each row of x `[T, D]`. */
export function rmsNorm(
  x: ArrayLike<number>,
  gain: ArrayLike<number>,
  epsilon: number,
): Float64Array {
  const D = gain.length;
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += D) {
    let squares = 0;
    for (let i = 0; i < D; i++) squares += x[row + i]! ** 2;
    const scale = 1 / Math.sqrt(squares / D + epsilon);
    for (let i = 0; i < D; i++) y[row + i] = x[row + i]! * scale * gain[i]!;
  }
  return y;
}

/** Rotates each head of x `[heads, HD]` to `position`; the halves of a head are the pairs. */
export function rotate(
  x: ArrayLike<number>,
  HD: number,
  position: number,
  theta: number,
): Float64Array {
  const y = new Float64Array(x.length);
  for (let head = 0; head < x.length; head += HD) {
    for (let pair = 0; pair < HD / 2; pair++) {
      const angle = position / theta ** (2 * pair / HD);
      const a = x[head + pair]!, b = x[head + pair + HD / 2]!;
      y[head + pair] = a * Math.cos(angle) - b * Math.sin(angle);
      y[head + pair + HD / 2] = b * Math.cos(angle) + a * Math.sin(angle);
    }
  }
  return y;
}

/** Queries and keys of qkv `[T, (H + 2K) · HD]`: normalised where gains are given, rotated. */
export function qkRope(
  qkv: ArrayLike<number>,
  options: HeadShape & {
    readonly positions: ArrayLike<number>;
    readonly theta: number;
    readonly epsilon: number;
    readonly gains?: {
      readonly q: ArrayLike<number>;
      readonly k: ArrayLike<number>;
    };
  },
): Float64Array {
  const { H, K, HD, positions, theta, epsilon, gains } = options;
  const width = (H + 2 * K) * HD;
  const out = new Float64Array(positions.length * (H + K) * HD);
  for (let t = 0; t < positions.length; t++) {
    for (let h = 0; h < H + K; h++) {
      const from = t * width + h * HD;
      const head = Float64Array.from({ length: HD }, (_, i) => qkv[from + i]!);
      const turned = rotate(
        gains ? rmsNorm(head, h < H ? gains.q : gains.k, epsilon) : head,
        HD,
        positions[t]!,
        theta,
      );
      out.set(turned, (t * (H + K) + h) * HD);
    }
  }
  return out;
}

/**
 * Attention by an explicit mask: query q sees key k exactly when k ≤ q < visibleUntil[k], and k stands fewer
 * than `window` positions before q, where there is a window.
 *
 * @param qk `[T, (H + K) · HD]`
 * @param qkv `[T, (H + 2K) · HD]`, of which the last K heads are the values.
 */
export function attention(
  qk: ArrayLike<number>,
  qkv: ArrayLike<number>,
  options: HeadShape & {
    readonly visibleUntil: ArrayLike<number>;
    readonly positions: ArrayLike<number>;
    readonly window?: number;
  },
): { readonly out: Float64Array; readonly lse: Float64Array } {
  const { H, K, HD, visibleUntil, positions, window = Infinity } = options;
  const T = visibleUntil.length;
  const out = new Float64Array(T * H * HD);
  const lse = new Float64Array(T * H);
  for (let q = 0; q < T; q++) {
    for (let h = 0; h < H; h++) {
      const kv = Math.floor(h / (H / K));
      const keys: number[] = [];
      for (let k = 0; k <= q; k++) {
        const near = positions[q]! - positions[k]! < window;
        if (q < visibleUntil[k]! && near) keys.push(k);
      }
      const scores = keys.map((k) => {
        let score = 0;
        for (let i = 0; i < HD; i++) {
          score += qk[(q * (H + K) + h) * HD + i]! *
            qk[(k * (H + K) + H + kv) * HD + i]!;
        }
        return score / Math.sqrt(HD);
      });
      const total = logSumExp(scores);
      lse[q * H + h] = total;
      keys.forEach((k, place) => {
        const weight = Math.exp(scores[place]! - total);
        const value = (k * (H + 2 * K) + H + K + kv) * HD;
        for (let i = 0; i < HD; i++) {
          out[(q * H + h) * HD + i]! += weight * qkv[value + i]!;
        }
      });
    }
  }
  return { out, lse };
}

/** silu(gate) · up over GU `[T, 2F]`. */
export function swiglu(gu: ArrayLike<number>, F: number): Float64Array {
  const out = new Float64Array(gu.length / 2);
  for (let i = 0; i < out.length; i++) {
    const at = Math.floor(i / F) * 2 * F + i % F;
    out[i] = gu[at]! / (1 + Math.exp(-gu[at]!)) * gu[at + F]!;
  }
  return out;
}

/** log Σ exp. */
export function logSumExp(values: ArrayLike<number>): number {
  let peak = -Infinity;
  for (let i = 0; i < values.length; i++) peak = Math.max(peak, values[i]!);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - peak);
  return peak + Math.log(sum);
}

/** log softmax(logits / temperature), and its entropy in nats. */
export function distribution(
  logits: ArrayLike<number>,
  temperature: number,
): { readonly logprobs: Float64Array; readonly entropy: number } {
  const scaled = Float64Array.from(logits, (z) => z / temperature);
  const total = logSumExp(scaled);
  const logprobs = scaled.map((z) => z - total);
  const entropy = -logprobs.reduce((sum, l) => sum + Math.exp(l) * l, 0);
  return { logprobs, entropy };
}
