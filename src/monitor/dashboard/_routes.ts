import { type Context, Hono } from "../../deps/hono.ts";
import { UserError } from "../../errors.ts";
import { readRecords, type RecordReader } from "../records/mod.ts";
import { refuse } from "./_access.ts";
import { ASSETS } from "./_assets.ts";
import type { Broadcast } from "./_broadcast.ts";
import { episodeAnswer } from "./_episode_answer.ts";
import { SECURITY_HEADERS } from "./_headers.ts";
import { number, readEpisodeQuery } from "./_read_query.ts";
import { settingsOf } from "./_settings.ts";

/** A run that the dashboard shows. */
export interface ShownRun {
  readonly name: string;
  readonly reader: RecordReader;
}

/** What the routes need of their dashboard. */
export interface RouteOptions {
  readonly runs: readonly ShownRun[];
  readonly broadcast: Broadcast;
  /** What a request must bring; nothing where undefined. */
  readonly token: string | undefined;
}

/** The dashboard's HTTP interface: its page, questions about its runs, and what happens meanwhile. */
export function createRoutes({ runs, broadcast, token }: RouteOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const refused = refuse(context, token);
    if (refused === undefined) await next();
    else context.res = refused;
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      context.res.headers.set(name, value);
    }
  });

  for (const [path, { body, type }] of ASSETS) {
    app.get(path, () =>
      new Response(body, {
        headers: { "content-type": type, "cache-control": "no-cache" },
      }));
  }

  app.get(
    "/api/runs",
    (context) =>
      context.json(runs.map(({ name, reader }, id) => {
        const about = reader.about();
        const settings = settingsOf(about.config);
        return { id, name, directory: reader.directory, ...about, settings };
      })),
  );
  app.get("/api/events", (context) => broadcast.stream(context));

  /** Answers a question about a run; 404 where there is no such run, or no answer. */
  function ask(
    path: string,
    answer: (reader: RecordReader, context: Context) => unknown,
  ): void {
    app.get(`/api/runs/:run${path}`, (context) => {
      const run = runs[Number(context.req.param("run"))];
      const found = run && readRecords(
        run.reader.directory,
        () => answer(run.reader, context),
      );
      return found === undefined
        ? context.json({ error: "There is no such thing here" }, 404)
        : context.json(found);
    });
  }

  ask("/series", (reader, context) => {
    const params = paramsOf(context);
    const from = number(params, "from");
    const to = number(params, "to");
    const points = number(params, "points");
    return reader.series({
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      ...(points !== undefined && { points }),
    });
  });
  ask(
    "/episodes",
    (reader, context) => reader.episodes(readEpisodeQuery(paramsOf(context))),
  );
  ask(
    "/episodes/:id",
    (reader, context) => episodeAnswer(reader, Number(context.req.param("id"))),
  );
  ask(
    "/episodes/:id/shared",
    (reader, context) => reader.shared(Number(context.req.param("id"))),
  );
  ask(
    "/groups/:id",
    (reader, context) => reader.group(Number(context.req.param("id"))),
  );
  ask("/health", (reader) => reader.health());
  app.onError((error, context) => {
    if (!(error instanceof UserError)) throw error;
    return context.json({ error: error.message }, 500);
  });
  return app;
}

function paramsOf(context: Context): URLSearchParams {
  return new URL(context.req.url).searchParams;
}
