import { h } from "./dom.js";
import { number, seconds } from "./format.js";
import { wordsOf } from "./group.js";

/** What an episode is, and the other episodes of its group. */
export function episodeHeader(episode, run) {
  const {
    task,
    step,
    kind,
    place,
    reward,
    success,
    error,
    siblings,
    group,
    calls,
  } = episode;
  const advantage = calls.find((call) => call.advantage?.length > 0)
    ?.advantage[0];
  const facts = [
    `step ${step}`,
    kind === "train" ? null : `held-out, ${kind}`,
    `episode ${place} of ${siblings.length}`,
    advantage === undefined ? null : `advantage ${number(advantage)}`,
    `${calls.length} calls`,
    `${seconds(episode.seconds)}`,
  ];
  return h(
    "div.stack",
    { style: { gap: "8px" } },
    h(
      "div.row.spread",
      null,
      h(
        "div",
        null,
        h("h1", null, task),
        h(
          "p.quiet.small",
          null,
          facts.filter((fact) => fact !== null).join(" · "),
        ),
      ),
      h(
        "div.row",
        null,
        h(
          `span.tag.${error !== null ? "bad" : success ? "good" : "warning"}`,
          null,
          error !== null
            ? `failed in ${error.stage}`
            : `reward ${number(reward)}`,
        ),
        h(
          "a.button",
          { href: `#/group/${run}/${group}`, title: "u" },
          "Group side by side",
        ),
      ),
    ),
    h(
      "nav.siblings",
      { "aria-label": "Episodes of the group" },
      siblings.map((sibling) =>
        h("a", {
          href: `#/episode/${run}/${sibling.id}`,
          class: sibling.failed ? "failed" : sibling.success ? "solved" : "",
          title: `Episode ${sibling.place}`,
          "aria-current": sibling.id === episode.id ? "page" : null,
        }, sibling.failed ? "✕" : number(sibling.reward))
      ),
    ),
  );
}

/** What is known of an episode beside its tokens. */
export function aboutEpisode(
  { query, taskMetadata, error, parts, metadata, log },
) {
  const words = wordsOf(metadata);
  const left = Object.entries(metadata).filter(([, value]) => value !== words);
  const section = (title, ...children) =>
    h("section.card", { "aria-label": title }, h("h2", null, title), children);
  const jsonSection = (title, values) =>
    Object.keys(values).length > 0 &&
    section(title, h("pre.small", null, JSON.stringify(values, null, 2)));
  return [
    error !== null &&
    section("Error", h("pre.bad", null, `${error.stage}: ${error.message}`)),
    section("Question", h("pre", null, query)),
    jsonSection("Known of the task", taskMetadata),
    words !== null && section("Judge", h("p", null, words)),
    Object.keys(parts).length > 0 &&
    section(
      "Reward parts",
      h(
        "dl.facts",
        null,
        Object.entries(parts).map((
          [name, value],
        ) => [h("dt", null, name), h("dd", null, number(value))]),
      ),
    ),
    jsonSection("Left with the episode", Object.fromEntries(left)),
    log.trim() !== "" &&
    h(
      "details.card",
      null,
      h("summary", null, "Log"),
      h("pre.small", null, log),
    ),
  ];
}
