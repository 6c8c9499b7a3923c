import { Dashboard } from "../../src/monitor/dashboard/mod.ts";
import { RecordWriter } from "../../src/monitor/records/mod.ts";
import { UserError } from "../../src/errors.ts";
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertTrue,
} from "../assert.ts";
import { generateRun, tokenText, writeStep } from "./_generated_run.ts";

const SMALL = { steps: 3, groups: 2, groupSize: 4 };

async function withRun(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await generateRun(folder, SMALL);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Asks a dashboard under any name and address; `fetch` would choose the Host header itself. */
async function askAs(url: string, host: string): Promise<string> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const request =
    `GET /api/runs HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

Deno.test("Dashboard answers questions about its runs", () =>
  withRun(async (folder) => {
    await using dashboard = await Dashboard.start([folder, folder]);
    const ask = async (path: string) =>
      await (await fetch(`${dashboard.url}api/${path}`)).json();
    const runs = await ask("runs");
    assertEquals(runs.length, 2);
    assertEquals([runs[1].id, runs[1].lastStep, runs[1].model], [
      1,
      3,
      "tiny-qwen",
    ]);
    assertEquals((await ask("runs/0/series?from=2")).steps, [2, 3]);
    const page = await ask(
      "runs/0/episodes?sort=reward&order=asc&limit=3&offset=2&outcome=solved",
    );
    assertTrue(page.rows.length <= 3);
    const episode = await ask("runs/0/episodes/5");
    assertEquals(episode.calls.length >= 3, true);
    for (
      const id of episode.calls.flatMap(({ path }: { path: number[] }) => path)
    ) {
      const [bytes, special] = episode.tokens[id];
      assertEquals(
        { bytes: Uint8Array.fromBase64(bytes), special },
        tokenText(id),
      );
    }
    assertEquals((await ask("runs/0/groups/1")).episodes.length, 4);
    assertEquals((await ask("runs/0/health")).length, 9);
    for (
      const missing of [
        "runs/7/series",
        "runs/0/episodes/999",
        "runs/0/groups/x",
        "nothing",
      ]
    ) {
      const answer = await fetch(`${dashboard.url}api/${missing}`);
      assertEquals([missing, answer.status], [missing, 404]);
      await answer.body?.cancel();
    }
  }));

Deno.test("Dashboard names the records that are damaged, at its start or where they are asked for", () =>
  withRun(async (folder) => {
    const path = `${folder}/records.sqlite`;
    const whole = await Deno.readFile(path);
    await using dashboard = await Dashboard.start([folder]);
    await Deno.writeFile(path, whole.fill(0xaa, 4096));
    await assertRejects(() => Dashboard.start([folder]), UserError, path);
    const answer = await fetch(`${dashboard.url}api/runs/0/episodes`);
    assertEquals(answer.status, 500);
    assertMatch((await answer.json()).error, "records.sqlite is damaged");
  }));

Deno.test("Dashboard reads odd parameters as if they were not there", () =>
  withRun(async (folder) => {
    await using dashboard = await Dashboard.start([folder]);
    const odd =
      "sort=id;DROP TABLE steps&order=x&from=abc&limit=1e9&having=log&task=%27%25";
    const answer = await fetch(`${dashboard.url}api/runs/0/episodes?${odd}`);
    assertEquals(answer.status, 200);
    assertEquals((await answer.json()).total, 0);
  }));

Deno.test("Dashboard forbids the browser everything but its own files", () =>
  withRun(async (folder) => {
    await using dashboard = await Dashboard.start([folder]);
    for (
      const path of [
        "",
        "main.js",
        "style.css",
        "uplot.js",
        "api/runs",
        "missing",
      ]
    ) {
      const answer = await fetch(dashboard.url + path);
      const body = await answer.text();
      const policy = answer.headers.get("content-security-policy") ?? "";
      assertMatch(policy, "default-src 'none'");
      assertMatch(policy, "script-src 'self'");
      assertMatch(policy, "require-trusted-types-for 'script'");
      assertTrue(!/unsafe|https?:|\*/.test(policy), policy);
      assertEquals(answer.headers.get("x-content-type-options"), "nosniff");
      if (path === "") {
        assertTrue(
          !/(src|href)="(https?:)?\/\//.test(body),
          "an outside asset",
        );
      }
    }
  }));

Deno.test("Dashboard does not answer under a name of another site", () =>
  withRun(async (folder) => {
    await using dashboard = await Dashboard.start([folder]);
    const { port } = new URL(dashboard.url);
    assertMatch(
      await askAs(dashboard.url, `localhost:${port}`),
      "HTTP/1.1 200",
    );
    const refused = await askAs(dashboard.url, `evil.example:${port}`);
    assertMatch(refused, "HTTP/1.1 403");
    assertTrue(!refused.includes("tiny-qwen"));
  }));

Deno.test("Dashboard is open without a token on any address of this machine alone", () =>
  withRun(async (folder) => {
    await using dashboard = await Dashboard.start([folder], {
      host: "127.0.0.2",
    });
    const answer = await fetch(`${dashboard.url}api/runs`);
    assertEquals(answer.status, 200);
    await answer.body?.cancel();
    for (const name of ["127.evil.example", "localhost.evil.example"]) {
      assertMatch(await askAs(dashboard.url, name), "HTTP/1.1 403");
    }
  }));

Deno.test("Dashboard wants a token wherever others can reach it", () =>
  withRun(async (folder) => {
    await using dashboard = await Dashboard.start([folder], {
      host: "0.0.0.0",
    });
    const url = new URL(dashboard.url);
    assertTrue(url.searchParams.get("token")!.length >= 32);
    const base = `http://127.0.0.1:${url.port}`;
    const status = async (path: string, headers: HeadersInit = {}) => {
      const answer = await fetch(base + path, { headers, redirect: "manual" });
      await answer.body?.cancel();
      return answer;
    };
    assertEquals((await status("/api/runs")).status, 401);
    assertEquals((await status("/api/runs?token=wrong")).status, 401);
    const entered = await status(`/${url.search}`);
    assertEquals([entered.status, entered.headers.get("location")], [303, "/"]);
    const cookie = entered.headers.get("set-cookie")!;
    assertMatch(cookie, /HttpOnly; SameSite=Strict/);
    const [pair] = cookie.split(";");
    assertEquals((await status("/api/runs", { cookie: pair! })).status, 200);
    assertEquals(
      (await status("/api/runs", { cookie: `${pair}x` })).status,
      401,
    );
  }));

Deno.test("Dashboard tells its pages what is recorded, and what the run is doing", () =>
  withRun(async (folder) => {
    await using writer = await RecordWriter.open(folder, { tokenText });
    await using dashboard = await Dashboard.start([folder]);
    const { body } = await fetch(`${dashboard.url}api/events`);
    const events = body!.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    const until = async (what: string) => {
      while (!heard.includes(what)) heard += (await events.read()).value;
    };
    await until("event: hello");
    dashboard.show({
      event: "progress",
      stage: "rollout",
      done: 3,
      total: 8,
      unit: "episodes",
    });
    await until('"stage":"rollout","done":3');
    await writeStep(writer, 4, SMALL);
    await until('data: {"run":0,"lastStep":4}');
    await events.cancel();
  }));

Deno.test("Dashboard tells its pages what was recorded last before it goes, and answers them", () =>
  withRun(async (folder) => {
    await using writer = await RecordWriter.open(folder, { tokenText });
    const dashboard = await Dashboard.start([folder]);
    const { body } = await fetch(`${dashboard.url}api/events`);
    const events = body!.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    const until = async (what: string) => {
      while (!heard.includes(what)) heard += (await events.read()).value;
    };
    await until("event: hello");
    await writeStep(writer, 4, SMALL);
    const closed = dashboard[Symbol.asyncDispose]();
    await until('data: {"run":0,"lastStep":4}');
    const answer = await fetch(`${dashboard.url}api/runs/0/series?from=4`);
    assertEquals((await answer.json()).steps, [4]);
    await events.cancel();
    await closed;
  }));

Deno.test("Dashboard.start() says so where there are no records, or the port is taken", () =>
  withRun(async (folder) => {
    await assertRejects(
      () => Dashboard.start([`${folder}/none`]),
      UserError,
      "No records in",
    );
    await using first = await Dashboard.start([folder]);
    const port = Number(new URL(first.url).port);
    await assertRejects(
      () => Dashboard.start([folder], { port }),
      UserError,
      "choose another port",
    );
  }));
