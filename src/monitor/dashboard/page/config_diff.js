import { h } from "./dom.js";

/** What differs between the configurations of several runs, key by key. */
export function showConfigDiff(runs) {
  const keys = new Set(runs.flatMap(({ settings }) => Object.keys(settings)));
  const different = [...keys].filter((key) =>
    new Set(runs.map(({ settings }) => settings[key])).size > 1
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
            runs.map(({ settings }) =>
              h("td.mono", null, settings[key] ?? "–")
            ),
          )
        ),
      ),
    ),
  );
}
