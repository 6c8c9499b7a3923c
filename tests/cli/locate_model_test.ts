import { locateModel, modelOverrides } from "../../src/cli/locate_model.ts";
import { UserError } from "../../src/errors.ts";
import {
  type AdapterConfig,
  initAdapter,
  parseModelConfig,
  saveAdapter,
} from "../../src/model/mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { TestFolder } from "../config/_files.ts";
import { TINY_CONFIG } from "../model/_tiny_model.ts";

Deno.test("locateModel() takes a run for its latest checkpoint, and keeps its config", async () => {
  using folder = new TestFolder({
    "run/config.yaml": "",
    "run/checkpoints/step-000002/config.json": "{}",
    "run/checkpoints/step-000004/config.json": "{}",
  });
  const path = await Deno.realPath(folder.path);
  await Deno.symlink("step-000004", `${path}/run/checkpoints/latest`);
  const config = `${path}/run/config.yaml`;
  const checkpoint = `${path}/run/checkpoints/step-000004`;
  assertEquals(await locateModel(`${path}/run`), {
    folder: checkpoint,
    config,
  });
  assertEquals(await locateModel(`${path}/run/checkpoints/latest`), {
    folder: checkpoint,
    config,
  });
  const earlier = `${path}/run/checkpoints/step-000002`;
  assertEquals(await locateModel(earlier), { folder: earlier, config });
});

Deno.test("locateModel() takes any other folder for a model of its own", async () => {
  using folder = new TestFolder({ "model/config.json": "{}" });
  const path = await Deno.realPath(folder.path);
  assertEquals(await locateModel(`${path}/model`), { folder: `${path}/model` });
});

Deno.test("locateModel() takes an adapter with the revision of the model that it was trained over", async () => {
  using folder = new TestFolder({});
  const path = await Deno.realPath(folder.path);
  const config: AdapterConfig = {
    rank: 2,
    alpha: 4,
    rslora: false,
    targets: ["q_proj"],
    base: "some/model",
    baseRevision: "v2",
  };
  const tensors = initAdapter(parseModelConfig(TINY_CONFIG), config, 1);
  await saveAdapter(`${path}/adapter`, { config, tensors });
  const located = await locateModel(`${path}/adapter`);
  assertEquals(located, {
    folder: "some/model",
    adapter: `${path}/adapter`,
    revision: "v2",
  });
  assertEquals(
    modelOverrides(located).map(({ key, value }) => [key, value]),
    [
      ["model.path", "some/model"],
      ["model.revision", "v2"],
      ["model.adapter", `${path}/adapter`],
    ],
  );
});

Deno.test("locateModel() says what is wrong with a path", async () => {
  using folder = new TestFolder({ "run/checkpoints/": "" });
  await assertRejects(
    () => locateModel(`${folder.path}/nothing`),
    UserError,
    "give a model folder, a name on the Hub, a checkpoint or a run",
  );
  await assertRejects(
    () => locateModel(`${folder.path}/run`),
    UserError,
    "has no checkpoint yet",
  );
  await Deno.symlink("loop", `${folder.path}/loop`);
  await assertRejects(
    () => locateModel(`${folder.path}/loop`),
    UserError,
    "Cannot read ",
  );
});
