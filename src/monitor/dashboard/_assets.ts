import { uplotScript, uplotStyle } from "../../deps/uplot.ts";
import api from "./page/api.js" with { type: "text" };
import chart from "./page/chart.js" with { type: "text" };
import chat from "./page/chat.js" with { type: "text" };
import config from "./page/config_diff.js" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import episode from "./page/episode.js" with { type: "text" };
import episodes from "./page/episodes.js" with { type: "text" };
import format from "./page/format.js" with { type: "text" };
import group from "./page/group.js" with { type: "text" };
import health from "./page/health.js" with { type: "text" };
import icon from "./page/icon.svg" with { type: "text" };
import index from "./page/index.html" with { type: "text" };
import inspectorStyle from "./page/inspector.css" with { type: "text" };
import main from "./page/main.js" with { type: "text" };
import overview from "./page/overview.js" with { type: "text" };
import episodeFacts from "./page/episode_facts.js" with { type: "text" };
import jumps from "./page/jumps.js" with { type: "text" };
import outline from "./page/outline.js" with { type: "text" };
import overviewData from "./page/overview_data.js" with { type: "text" };
import tokenFacts from "./page/token_facts.js" with { type: "text" };
import paint from "./page/paint.js" with { type: "text" };
import style from "./page/style.css" with { type: "text" };
import table from "./page/table.js" with { type: "text" };
import tiles from "./page/tiles.js" with { type: "text" };
import tree from "./page/tree.js" with { type: "text" };
import visible from "./page/visible.js" with { type: "text" };

/** A file as the browser gets it. */
export interface Asset {
  readonly body: string;
  readonly type: string;
}

/** The page's modules by name. */
const MODULES = {
  api,
  chart,
  chat,
  config_diff: config,
  dom,
  episode,
  episodes,
  format,
  group,
  health,
  main,
  overview,
  episode_facts: episodeFacts,
  jumps,
  outline,
  overview_data: overviewData,
  token_facts: tokenFacts,
  paint,
  table,
  tiles,
  tree,
  uplot: uplotScript,
  visible,
};

/** The page's files by path; nothing else is ever loaded. */
export const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ["/", { body: preloading(index), type: "text/html; charset=utf-8" }],
  ["/icon.svg", { body: icon, type: "image/svg+xml" }],
  ...styles({ style, inspector: inspectorStyle, uplot: uplotStyle }),
  ...scripts(MODULES),
]);

/** Names all modules at the top, so that they load together and not one import after another. */
function preloading(html: string): string {
  const links = Object.keys(MODULES).map((name) =>
    `    <link rel="modulepreload" href="${name}.js">\n`
  );
  return html.replace("  </head>", `${links.join("")}  </head>`);
}

type Files = Readonly<Record<string, string>>;

function styles(files: Files): [string, Asset][] {
  return Object.entries(files).map(([name, body]) => [
    `/${name}.css`,
    { body, type: "text/css; charset=utf-8" },
  ]);
}

function scripts(files: Files): [string, Asset][] {
  return Object.entries(files).map(([name, body]) => [
    `/${name}.js`,
    { body, type: "text/javascript; charset=utf-8" },
  ]);
}
