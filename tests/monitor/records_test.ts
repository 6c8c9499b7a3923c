import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UserError } from "../../src/errors.ts";
import {
  RecordReader,
  RecordWriter,
  ScoreBook,
} from "../../src/monitor/records/mod.ts";
import { compareRuns } from "../../src/monitor/report/mod.ts";
import type { Group } from "../../src/rollout/mod.ts";
import { TokenTree } from "../../src/tracker/mod.ts";
import { algorithm, update } from "../../src/trainer/mod.ts";
import {
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
  assertTrue,
} from "../assert.ts";
import { TablePolicy } from "../trainer/_table_policy.ts";
import { withFolder } from "../with_folder.ts";
import {
  generateGroups,
  generateRun,
  seeded,
  tokenText,
  writeStep,
} from "./_generated_run.ts";

Deno.test("RecordReader finds every token that RecordWriter was given", () =>
  withFolder(async (folder) => {
    const random = seeded(3);
    const policy = new TablePolicy(random);
    const tree = new TokenTree();
    const call = {
      agent: "default",
      temperature: 1,
      finishReason: "stop" as const,
      policyVersion: 4,
    };
    tree.record({
      ...call,
      id: "a",
      prompt: [1, 2],
      tokens: [3, 4],
      logprobs: [-1.25, -0.5],
    });
    tree.record({
      ...call,
      id: "b",
      prompt: [1, 2, 3, 5],
      tokens: [2],
      logprobs: [-0.125],
      agent: "other",
      adapter: "other",
    });
    tree.record({
      ...call,
      id: "c",
      prompt: [1],
      tokens: [2, 3],
      logprobs: [-0.75],
    });
    const other = new TokenTree();
    other.record({
      ...call,
      id: "a",
      prompt: [1, 2],
      tokens: [5],
      logprobs: [-2],
    });
    const task = {
      id: "t",
      query: "1 + 1?",
      metadata: { answer: 2 },
      split: "train" as const,
    };
    const episode = {
      group: "step-1/0",
      task,
      success: true,
      metadata: { judge: "good" },
      metrics: { format: 0.5 },
      log: "hello",
      attempts: 1,
      seconds: 0.5,
    };
    const group = {
      key: "step-1/0",
      task,
      episodes: [
        { ...episode, id: "step-1/0/0", index: 0, tree, reward: 1 },
        { ...episode, id: "step-1/0/1", index: 1, tree: other, reward: 0 },
      ],
    };
    const book = new ScoreBook();
    await update(policy, [group], {
      algorithm: algorithm("grpo", { kl: "k3" }),
      optimizer: {
        learningRate: 1,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weightDecay: 0,
        maxGradNorm: 0,
      },
      observe: (scored) => book.add(scored),
    });
    await using writer = await RecordWriter.open(folder, { tokenText });
    await writer.writeBatch({
      step: 1,
      kind: "train",
      groups: [group],
      findScores: (episode, call) => book.find(episode, call),
    });

    using reader = new RecordReader(folder);
    const found = reader.episode(1)!;
    assertEquals(found.calls.map(({ path }) => path), [
      [1, 2, 3, 4],
      [5, 2],
      [],
    ]);
    assertEquals(found.calls.map(({ after }) => after), [-1, 2, 2]);
    assertEquals(found.calls.map(({ logprobs }) => logprobs), [[-1.25, -0.5], [
      -0.125,
    ], [-0.75]]);
    assertEquals(found.calls.map(({ branch }) => branch?.kind), [
      undefined,
      "other-agent",
      undefined,
    ]);
    assertEquals(
      found.calls.map(({ adapter }) => adapter),
      [null, "other", null],
    );
    assertEquals(found.calls[2]!.untrainable, "2 tokens came with 1 logprobs");
    assertEquals(found.calls[2]!.trainer, null);
    const expected = book.find("step-1/0/0", "b")!;
    assertAlmostEquals(
      found.calls[1]!.trainer![0]!,
      expected.trainer[0]!,
      1e-5,
    );
    assertAlmostEquals(
      found.calls[1]!.reference![0]!,
      expected.reference![0]!,
      1e-5,
    );
    assertAlmostEquals(
      found.calls[0]!.advantage![1]!,
      expected.advantage[0]!,
      1e-5,
    );
    assertEquals(found.calls[0]!.advantage!.length, 2);
    assertEquals([found.parts, found.metadata, found.log], [{ format: 0.5 }, {
      judge: "good",
    }, "hello"]);
    assertEquals(found.taskMetadata, { answer: 2 });
    assertEquals(reader.tokens([3]).get(3), tokenText(3));
    assertEquals(reader.shared(1), [
      { from: 0, to: 2, places: [1] },
      { from: 2, to: 6, places: [] },
    ]);
  }));

Deno.test("RecordWriter keeps an episode's messages once, whatever histories they stand in", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 1 });
    using reader = new RecordReader(folder);
    const { calls, messages } = reader.episode(1)!;
    const texts = messages.map(({ parent, role, content }) =>
      `${parent} ${role} ${content}`
    );
    assertEquals(new Set(texts).size, texts.length);
    const asked = messages.find(({ toolCalls }) => toolCalls.length > 0)!;
    assertEquals(asked.toolCalls[0]!.name, "calculator");
    assertEquals(messages[calls[2]!.replyMessage!]!.role, "assistant");
    assertEquals(messages[calls[2]!.promptMessage!]!.toolCallId, "call_1");
  }));

Deno.test("RecordReader filters and sorts episodes, a page at a time", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 6, groups: 2, groupSize: 6 });
    using reader = new RecordReader(folder);
    assertEquals(reader.episodes().total, 72);
    const best = reader.episodes({ sort: "reward", limit: 72 }).rows;
    const rewards = best.map(({ reward }) => reward as number | null);
    const known = rewards.filter((reward) => reward !== null);
    assertEquals(known, known.toSorted((a, b) => b - a));
    assertEquals(
      rewards.slice(known.length).every((reward) => reward === null),
      true,
    );
    const page = reader.episodes({ sort: "reward", offset: 10, limit: 5 }).rows;
    assertEquals(
      page.map(({ id }) => id),
      best.slice(10, 15).map(({ id }) => id),
    );
    for (const outcome of ["solved", "unsolved", "failed"] as const) {
      const { total, rows } = reader.episodes({ outcome, limit: 72 });
      assertEquals(rows.length, total);
      assertTrue(
        rows.every(({ success, stage }) =>
          outcome === "failed"
            ? stage !== null
            : (success === 1) === (outcome === "solved")
        ),
      );
    }
    assertEquals(
      reader.episodes({ from: 2, to: 3, agent: "planner" }).total,
      24,
    );
    assertEquals(reader.episodes({ agent: "nobody" }).total, 0);
    assertEquals(reader.episodes({ task: "problem-4-1" }).total, 6);
    assertEquals(reader.episodes({ task: "%" }).total, 0);
    assertTrue(
      reader.episodes({ having: ["cut"], limit: 72 }).rows.every(({ cut }) =>
        Number(cut) > 0
      ),
    );
  }));

Deno.test("RecordReader.series() averages neighbouring steps where there are too many", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 10, groups: 1, groupSize: 2 });
    using reader = new RecordReader(folder);
    const fine = reader.series();
    const coarse = reader.series({ points: 4 });
    assertEquals(coarse.steps, [3, 6, 9, 10]);
    const [a, b, c] = fine.metrics.entropy!;
    assertAlmostEquals(coarse.metrics.entropy![0]!, (a! + b! + c!) / 3);
    assertEquals(reader.series({ from: 4, to: 5 }).steps, [4, 5]);
    assertEquals(coarse.evaluations.length, 1);
    assertEquals(fine.timings.total!.length, 10);
  }));

Deno.test("RecordWriter drops the episodes of steps that are not to be kept, never their metrics", () =>
  withFolder(async (folder) => {
    for (
      const [retention, kept] of [
        [{}, [1, 2, 3, 4, 5, 6, 7]],
        [{ last: 2 }, [6, 7]],
        [{ every: 3 }, [3, 6, 7]],
        [{ last: 2, every: 4 }, [4, 6, 7]],
      ] as const
    ) {
      const run = `${folder}/${JSON.stringify(retention)}`;
      await generateRun(run, { steps: 7, groups: 1, groupSize: 2, retention });
      using reader = new RecordReader(run);
      const { rows } = reader.episodes({ sort: "step", order: "asc" });
      assertEquals([...new Set(rows.map(({ step }) => step))], [...kept]);
      assertEquals(reader.series().steps.length, 7);
      const orphans = reader.database
        .prepare(
          "SELECT count(*) count FROM calls WHERE episode NOT IN (SELECT id FROM episodes)",
        )
        .get()!;
      assertEquals(orphans.count, 0);
    }
  }));

Deno.test("RecordWriter bounds the space of a run that keeps its last steps", () =>
  withFolder(async (folder) => {
    const size = async (name: string, steps: number) => {
      const options = {
        steps,
        groups: 2,
        groupSize: 8,
        retention: { last: 2 },
      };
      await generateRun(`${folder}/${name}`, options);
      return (await Deno.stat(`${folder}/${name}/records.sqlite`)).size;
    };
    const short = await size("short", 10);
    const long = await size("long", 40);
    assertTrue(long < 1.5 * short, `${long} bytes after ${short}`);
  }));

Deno.test("RecordWriter.cutAfter() forgets later steps, so that a run goes on as it was", () =>
  withFolder(async (folder) => {
    const options = { steps: 4, groups: 1, groupSize: 2 };
    await generateRun(folder, options);
    await using writer = await RecordWriter.open(folder, { tokenText });
    using reader = new RecordReader(folder);
    await writer.cutAfter(2);
    assertEquals([reader.lastStep(), reader.episodes().total], [2, 4]);
    await writeStep(writer, 3, options);
    assertEquals([reader.lastStep(), reader.episodes().total], [3, 6]);
  }));

Deno.test("RecordReader sees what is written meanwhile, and that something was", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 1, groups: 1, groupSize: 2 });
    await using writer = await RecordWriter.open(folder, { tokenText });
    using reader = new RecordReader(folder);
    const before = reader.version();
    assertEquals(reader.version(), before);
    await writeStep(writer, 2, { steps: 2, groups: 1, groupSize: 2 });
    assertTrue(reader.version() !== before);
    assertEquals(reader.lastStep(), 2);
  }));

Deno.test("RecordWriter leaves whole steps behind when its process is killed", () =>
  withFolder(async (folder) => {
    const script = `
      import { RecordWriter } from ${
      JSON.stringify(
        new URL("../../src/monitor/records/mod.ts", import.meta.url).href,
      )
    };
      import { tokenText, writeStep } from ${
      JSON.stringify(new URL("./_generated_run.ts", import.meta.url).href)
    };
      const writer = await RecordWriter.open(Deno.args[0], { tokenText });
      for (let step = 1;; step++) {
        await writeStep(writer, step, { steps: 1000 });
        if (step === 4) console.log("writing");
      }`;
    await Deno.writeTextFile(`${folder}/write.ts`, script);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${folder}/write.ts`, folder],
      stdout: "piped",
    }).spawn();
    const output = child.stdout.getReader();
    await output.read();
    child.kill("SIGKILL");
    await child.status;
    while (!(await output.read()).done);

    using reader = new RecordReader(folder);
    const [check] = reader.database.prepare("PRAGMA integrity_check").all();
    assertEquals(check!.integrity_check, "ok");
    assertTrue(reader.lastStep() >= 4);
    const steps = reader.database
      .prepare("SELECT step, count(*) count FROM episodes GROUP BY step").all();
    assertTrue(steps.every(({ count }) => count === 32));
    // It can be gone on with.
    await using writer = await RecordWriter.open(folder, { tokenText });
    await writer.cutAfter(2);
    assertEquals(reader.lastStep(), 2);
  }));

Deno.test("RecordWriter keeps batches apart that are written at once, and both whole", () =>
  withFolder(async (folder) => {
    await using writer = await RecordWriter.open(folder, { tokenText });
    using reader = new RecordReader(folder);
    const options = { steps: 2, groups: 16, groupSize: 8, padding: 200 };
    await Promise.all([1, 2].map((step) =>
      writer.writeBatch({
        step,
        kind: "train",
        ...generateGroups(step, options),
      })
    ));
    assertEquals(
      [1, 2].map((step) => reader.episodes({ from: step, to: step }).total),
      [128, 128],
    );
    const { tree } = generateGroups(2, options).groups[0]!.episodes[0]!;
    const [first] = reader.episodes({ from: 2, sort: "step", order: "asc" })
      .rows.toSorted((a, b) => Number(a.id) - Number(b.id));
    assertEquals(
      reader.episode(Number(first!.id))!.calls.flatMap(({ path }) => path),
      [...tree.tokens],
    );
  }));

Deno.test("RecordWriter.open() says that another version wrote the records", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 1, groups: 1, groupSize: 1 });
    const database = new DatabaseSync(join(folder, "records.sqlite"));
    database.exec("PRAGMA user_version = 99");
    database.close();
    await assertRejects(
      () => RecordWriter.open(folder, { tokenText }),
      UserError,
      "records of version 99",
    );
  }));

Deno.test("RecordWriter goes on with records of the first version, and RecordReader reads them", () =>
  withFolder(async (folder) => {
    const options = { steps: 1, groups: 1, groupSize: 1 };
    await generateRun(folder, options);
    const database = new DatabaseSync(join(folder, "records.sqlite"));
    database.exec(
      `ALTER TABLE calls DROP COLUMN adapter; ALTER TABLE groups DROP COLUMN metadata;
       PRAGMA user_version = 1`,
    );
    database.close();
    const foundOf = (id: number) => {
      using reader = new RecordReader(folder);
      const { calls, taskMetadata } = reader.episode(id)!;
      return [new Set(calls.map(({ adapter }) => adapter)), taskMetadata];
    };
    assertEquals(foundOf(1), [new Set([null]), {}]);
    {
      await using writer = await RecordWriter.open(folder, { tokenText });
      await writeStep(writer, 2, options);
    }
    assertEquals(foundOf(1), [new Set([null]), {}]);
    const [{ task }] = generateGroups(2, options).groups as [Group];
    assertEquals(foundOf(2), [new Set([null]), task.metadata]);
  }));

Deno.test("RecordReader and RecordWriter name a file that is damaged, or no database", () =>
  withFolder(async (folder) => {
    const path = join(folder, "records.sqlite");
    await Deno.writeTextFile(path, "no database".repeat(1000));
    assertThrows(() => new RecordReader(folder), UserError, path);
    await assertRejects(
      () => RecordWriter.open(folder, { tokenText }),
      UserError,
      "is damaged: file is not a database",
    );
  }));

Deno.test("compareRuns() says which of two runs has damaged records", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 20, groups: 4, groupSize: 4 });
    const path = join(folder, "records.sqlite");
    const bytes = await Deno.readFile(path);
    // All pages but the first, which holds the tables' names.
    bytes.fill(0xaa, 4096);
    await Deno.writeFile(path, bytes);
    using reader = new RecordReader(folder);
    assertThrows(() => compareRuns(reader, reader), UserError, path);
  }));

Deno.test("RecordReader says so where there is no run", () => {
  assertThrows(
    () => new RecordReader("/nowhere/at/all"),
    UserError,
    "No records in /nowhere/at/all",
  );
});

Deno.test("RecordReader.health() tells what goes wrong in the last steps, with its tokens", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 30 });
    using reader = new RecordReader(folder);
    const findings = new Map(
      reader.health().map((finding) => [finding.check, finding]),
    );
    assertEquals(findings.size, 9);
    for (const check of ["length", "untrainable", "failures"]) {
      const { severity, evidence } = findings.get(check)!;
      assertEquals([check, severity], [check, "warning"]);
      assertTrue(evidence.length > 0);
      for (const { episode } of evidence) {
        assertTrue(reader.episode(episode!) !== undefined);
      }
    }
    const cut = findings.get("length")!.evidence[0]!;
    assertEquals(
      reader.episode(cut.episode!)!.calls[cut.call!]!.finish,
      "length",
    );
    assertEquals(findings.get("stale")!.severity, "good");
    assertEquals(findings.get("template")!.severity, "good");

    const gap = findings.get("gap")!.evidence[0]!;
    const { logprobs, trainer } = reader.episode(gap.episode!)!
      .calls[gap.call!]!;
    const at = Math.abs(trainer![gap.token!]! - logprobs[gap.token!]!);
    const [widest] = reader.episodes({ sort: "gap_max", limit: 1, from: 11 })
      .rows;
    assertTrue(Math.abs(at - Number(widest!.gap_max)) < 1e-4, `${at}`);
  }));

Deno.test("RecordReader.health() shows a collapsed entropy, equal rewards and old weights by their tokens", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 3 });
    const database = new DatabaseSync(join(folder, "records.sqlite"));
    database.exec(
      `UPDATE steps SET record = json_set(record, '$.entropy', 0.001, '$.tooStaleTokens', 5);
       UPDATE groups SET spread = 0;
       UPDATE episodes SET version_min = 0 WHERE step = 3;
       UPDATE calls SET version = 0
         WHERE episode IN (SELECT id FROM episodes WHERE step = 3)`,
    );
    database.close();
    using reader = new RecordReader(folder);
    const wrong = reader.health().filter(({ check }) =>
      ["entropy", "equal-groups", "stale"].includes(check)
    );
    assertEquals(wrong.length, 3);
    for (const { check, severity, evidence } of wrong) {
      assertTrue(severity !== "good", check);
      assertTrue(evidence.length > 0, check);
      if (check === "entropy") {
        const groups = evidence.map(({ episode }) =>
          reader.episode(episode!)!.group
        );
        assertEquals(new Set(groups).size, evidence.length);
      }
      for (const { episode, call, token } of evidence) {
        const { calls } = reader.episode(episode!)!;
        assertTrue(token! < calls[call!]!.sampled, check);
      }
    }
  }));

Deno.test("RecordReader.health() names the agents whose own adapters explore no more, or drift", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 3, adapters: true });
    const found = () => {
      using reader = new RecordReader(folder);
      return new Map(
        reader.health().map((finding) => [finding.check, finding]),
      );
    };
    assertEquals(found().get("entropy")!.severity, "good");
    assertMatch(found().get("entropy")!.text, "Entropy of planner was");
    const database = new DatabaseSync(join(folder, "records.sqlite"));
    database.exec(
      `UPDATE steps SET record = json_set(record,
         '$.agents."solver.entropy"', 0.001, '$.agents."planner.logprobGapMean"', 0.3)`,
    );
    database.close();
    const entropy = found().get("entropy")!;
    assertEquals(entropy.title, "Entropy of solver has collapsed");
    assertTrue(!entropy.text.includes("planner"));
    const gap = found().get("gap")!;
    assertEquals(gap.severity, "bad");
    assertMatch(gap.text, "Engine and trainer of planner differ by 0.3 nats");
  }));

Deno.test("RecordReader.health() tells why the first step fails, before any step is done", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 1 });
    const database = new DatabaseSync(join(folder, "records.sqlite"));
    database.exec(
      `DELETE FROM steps; UPDATE groups SET spread = NULL, reward = NULL;
       UPDATE episodes SET stage = 'workflow', reward = NULL, success = 0;
       UPDATE episode_texts SET error = 'no module named agent'`,
    );
    database.close();
    using reader = new RecordReader(folder);
    const [worst, ...others] = reader.health();
    assertEquals([worst!.check, worst!.severity], ["failures", "bad"]);
    assertMatch(worst!.evidence[0]!.text, "no module named agent");
    for (const check of ["entropy", "gap", "equal-groups"]) {
      const finding = others.find((other) => other.check === check)!;
      assertEquals([check, finding.severity], [check, "note"]);
    }
  }));

Deno.test("RecordReader.health() sets the thousands of its counts apart", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 20, groups: 8, groupSize: 8 });
    using reader = new RecordReader(folder);
    const texts = reader.health().map(({ title, text }) => `${title} ${text}`);
    assertTrue(texts.some((text) => text.includes("of 1,280 episodes")));
    assertEquals(texts.filter((text) => /(?<![\d.])\d{4}/.test(text)), []);
  }));

Deno.test("RecordReader.health() minds old weights only where they are older than allowed", () =>
  withFolder(async (folder) => {
    await generateRun(folder, { steps: 3 });
    const stale = () => {
      using reader = new RecordReader(folder);
      return reader.health().find(({ check }) => check === "stale")!;
    };
    const change = (sql: string) => {
      const database = new DatabaseSync(join(folder, "records.sqlite"));
      database.exec(sql);
      database.close();
    };
    change("UPDATE episodes SET version_min = 1 WHERE step = 3");
    assertEquals(stale().severity, "good");
    assertTrue(stale().text.includes("rollout.max_staleness"));
    change(
      "UPDATE steps SET record = json_set(record, '$.tooStaleTokens', 5) WHERE step = 3",
    );
    assertEquals(stale().severity, "bad");
    assertEquals(
      stale().evidence[0]!.text,
      "step 3: version 1 instead of 2",
    );
  }));
