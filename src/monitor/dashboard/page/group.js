import { ask } from "./api.js";
import { h } from "./dom.js";
import { number, plural } from "./format.js";
import { remarksOf } from "./episodes.js";

/** The episodes of a group side by side, best first. */
export async function showGroup(page, { parts: [run, id], app }) {
  const group = await ask(`runs/${run}/groups/${id}`);
  page.append(
    h(
      "div.row.spread",
      null,
      h(
        "div",
        null,
        h("h1", null, group.task),
        h(
          "p.quiet.small",
          null,
          `step ${group.step} · ${
            plural(group.episodes.length, "episode")
          } · mean reward ${number(group.reward)} · spread ${
            number(group.spread)
          }`,
        ),
      ),
      h("a.button", {
        href: `#/episodes?run=${run}&task=${encodeURIComponent(group.task)}`,
      }, "All episodes of this task"),
    ),
    h(
      "section.card",
      { "aria-label": "Question" },
      h("pre", null, group.query),
    ),
    h("div.cards", null, group.episodes.map((episode) => cardOf(episode, run))),
  );
  const onKey = ({ key, target }) => {
    if (key === "Enter" && target === document.body) {
      app.go(`/episode/${run}/${group.episodes[0].id}`);
    }
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

function cardOf(episode, run) {
  const { answer, error, reward, advantage, success, place, sampled } = episode;
  const parts = Object.entries(JSON.parse(episode.parts));
  const words = wordsOf(JSON.parse(episode.metadata));
  return h(
    "article.card.stack",
    { style: { gap: "8px", "align-content": "start" } },
    h(
      "div.row.spread",
      null,
      h(
        "h2",
        null,
        h("a", { href: `#/episode/${run}/${episode.id}` }, `Episode ${place}`),
      ),
      h(
        `span.number.${error !== null ? "bad" : success ? "good" : "quiet"}`,
        null,
        error !== null ? "failed" : `reward ${number(reward)}`,
      ),
    ),
    h(
      "p.quiet.small.number",
      null,
      `advantage ${
        number(advantage)
      } · ${sampled} tokens · ${episode.calls} calls`,
    ),
    h("div", null, remarksOf(episode)),
    error !== null && h("pre.bad", null, error),
    answer !== null && h("pre.excerpt", null, answer),
    words !== null &&
      h("p.small", null, h("span.quiet", null, "Judge: "), words),
    parts.length > 0 &&
      h(
        "p.quiet.small.number",
        null,
        parts.map(([name, value]) => `${name} ${number(value)}`).join(" · "),
      ),
  );
}

/** The judge's words among what workflow and judge left with an episode, where there are any. */
export function wordsOf(metadata) {
  for (
    const name of ["judge", "explanation", "reasoning", "critique", "feedback"]
  ) {
    const words = metadata[name];
    if (typeof words === "string" && words !== "") return words;
  }
  return null;
}
