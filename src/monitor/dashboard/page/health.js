import { ask, onChange } from "./api.js";
import { fill, h } from "./dom.js";

const MARKS = { bad: "✕", warning: "!", note: "i", good: "✓" };

/** What goes wrong silently, in plain words, each with the tokens that show it. */
export async function showHealth(page, { app }) {
  const ids = [...app.shown].sort((a, b) => a - b);
  const places = new Map(ids.map((id) => [id, h("div.fine")]));
  page.append(
    h(
      "div",
      null,
      h("h1", null, "Health"),
      h(
        "p.quiet",
        null,
        "What tends to go wrong without an error, looked for in the last 20 steps.",
      ),
    ),
  );
  for (const id of ids) {
    if (ids.length > 1) {
      page.append(
        h(
          "h2.row",
          { style: { "--c": `var(--run-${id % 6})` } },
          h("i.swatch"),
          app.runs[id].name,
        ),
      );
    }
    page.append(places.get(id));
  }
  async function load(run) {
    const findings = await ask(`runs/${run}/health`);
    const wrong = findings.filter(({ severity }) => severity !== "good");
    const right = findings.filter(({ severity }) => severity === "good");
    fill(
      places.get(run),
      findings.length === 0 &&
        h("div.card.empty", null, "No step is done yet."),
      wrong.map((finding) =>
        h(
          "section.card",
          { "aria-label": finding.title },
          findingOf(finding, run),
        )
      ),
      right.length > 0 &&
        h(
          "section.card.stack",
          { "aria-label": "In order" },
          right.map((finding) => findingOf(finding, run)),
        ),
    );
  }
  await Promise.all(ids.map(load));
  return onChange(({ run }) => places.has(run) && load(run));
}

function findingOf({ severity, title, text, evidence }, run) {
  return h(
    "div.finding",
    null,
    h(
      `span.mark.${severity}`,
      { role: "img", "aria-label": severity },
      MARKS[severity],
    ),
    h("h2", null, title),
    h("p.quiet", null, text),
    evidence.length > 0 &&
      h(
        "div.evidence",
        null,
        evidence.map((piece) =>
          h("a", { href: addressOf(piece, run) }, piece.text)
        ),
      ),
  );
}

function addressOf({ episode, call, token }, run) {
  const params = new URLSearchParams();
  if (call !== undefined) params.set("token", `${call}.${token ?? 0}`);
  const query = params.toString();
  return `#/episode/${run}/${episode}${query === "" ? "" : `?${query}`}`;
}
