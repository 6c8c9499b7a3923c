/** A number in few digits: 0.953, 12.3k, 1.2e-5. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e9) return `${(value / 1e9).toFixed(1)}G`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  if (Number.isInteger(value)) return String(value);
  if (size < 1e-3) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** A name in at most `length` letters: its ends, which tell it from others. */
export function ends(name, length) {
  const letters = [...name];
  if (letters.length <= length) return name;
  const end = Math.floor(length / 2);
  return `${letters.slice(0, length - end - 1).join("")}…${
    letters.slice(-end).join("")
  }`;
}

/** A whole number with its thousands apart. */
export function count(value) {
  return value.toLocaleString("en-US");
}

/** So many of something: 1 episode, 8 episodes. */
export function plural(value, thing) {
  return `${count(value)} ${thing}${value === 1 ? "" : "s"}`;
}

/** A share: 12 %. */
export function percent(share) {
  return share === null || Number.isNaN(share)
    ? "–"
    : `${Math.round(share * 100)} %`;
}

/** Seconds as people say them. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 10) return `${value.toFixed(1)}s`;
  if (value < 60) return `${Math.round(value)}s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) {
    return `${minutes}m${String(Math.round(value % 60)).padStart(2, "0")}s`;
  }
  return `${Math.floor(minutes / 60)}h${
    String(minutes % 60).padStart(2, "0")
  }m`;
}
