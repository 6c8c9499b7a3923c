import { h } from "./dom.js";

/** What differs between the configurations of several runs, key by key. */
export function showConfigDiff(runs) {
  const flat = runs.map(({ config }) => flatten(config));
  const keys = [...new Set(flat.flatMap((config) => [...config.keys()]))];
  const different = keys.filter((key) =>
    new Set(flat.map((config) => config.get(key))).size > 1
  );
  return h(
    "section.card.stack",
    { "aria-label": "Configurations" },
    h("h2", null, "What differs in the configurations"),
    different.length === 0 ? h("p.quiet", null, "Nothing.") : h(
      "table.plain",
      null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("th", null, "key"),
          runs.map(({ id, name }) =>
            h("th", { style: { color: `var(--run-${id % 6})` } }, name)
          ),
        ),
      ),
      h(
        "tbody",
        null,
        different.map((key) =>
          h(
            "tr",
            null,
            h("td.mono", null, key),
            flat.map((config) => h("td.mono", null, config.get(key) ?? "–")),
          )
        ),
      ),
    ),
  );
}

/** Keys of a YAML file of maps, as the program writes them, with their values as text. */
function flatten(yaml) {
  const values = new Map();
  const path = [];
  for (const line of yaml.split("\n")) {
    const found = /^( *)([^\s:#-][^:]*):(.*)$/.exec(line);
    if (found === null) {
      const [last] = [...values.keys()].slice(-1);
      if (last !== undefined && line.trim() !== "") {
        values.set(last, `${values.get(last)} ${line.trim()}`.trim());
      }
      continue;
    }
    const [, indent, key, value] = found;
    path.splice(indent.length / 2, Infinity, key);
    if (value.trim() !== "") values.set(path.join("."), value.trim());
  }
  return values;
}
