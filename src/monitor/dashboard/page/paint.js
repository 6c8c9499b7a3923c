/** How tokens can be coloured, each by one number of a sample. */
export const PAINTS = {
  logprob: {
    title: "Logprob",
    ends: ["−6", "0"],
    value: (call, at) => call.logprobs[at],
    color: (value) => shade("226 80% 56%", Math.min(1, -value / 6) * 0.78),
    scale: (part) => shade("226 80% 56%", (1 - part) * 0.78),
  },
  gap: {
    title: "Gap to trainer",
    ends: ["engine likelier", "trainer likelier"],
    value: (call, at) =>
      call.trainer?.[at] == null || call.logprobs[at] === null
        ? null
        : call.trainer[at] - call.logprobs[at],
    color: (value) =>
      diverging(
        Math.sign(value) * Math.sqrt(Math.min(1, Math.abs(value) / 0.5)),
      ),
    scale: (part) => diverging(2 * part - 1),
  },
  advantage: {
    title: "Advantage",
    ends: ["−1", "1"],
    value: (call, at) => call.advantage?.[at] ?? null,
    color: (value) => signed(Math.max(-1, Math.min(1, value))),
    scale: (part) => signed(2 * part - 1),
  },
  ratio: {
    title: "Ratio",
    ends: ["0.8", "1.2"],
    value: (call, at) => call.trainer === null ? null : call.ratio?.[at] ?? 1,
    color: (value) => diverging(Math.max(-1, Math.min(1, (value - 1) / 0.2))),
    scale: (part) => diverging(2 * part - 1),
  },
};

function shade(hsl, alpha) {
  return `hsl(${hsl} / ${alpha.toFixed(3)})`;
}

/** Violet below, orange above. */
function diverging(part) {
  return shade(part < 0 ? "272 70% 58%" : "24 95% 53%", Math.abs(part) * 0.8);
}

/** Red below, green above. */
function signed(part) {
  return shade(part < 0 ? "350 78% 56%" : "152 62% 42%", Math.abs(part) * 0.7);
}
