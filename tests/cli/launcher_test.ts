import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch } from "../assert.ts";
import { TestFolder } from "../config/_files.ts";

const LAUNCHER = fileURLToPath(new URL("../../astuner", import.meta.url));
const ROOT = LAUNCHER.slice(0, -"/astuner".length);

/** Says its version, and what it was asked to run. */
const fakeDeno = (version: string) =>
  `#!/bin/sh
[ "$1" = --version ] && { echo "deno ${version} (stable)"; exit; }
echo "runs $XDG_RUNTIME_DIR"; for argument in "$@"; do echo "<$argument>"; done
`;
const FOUND_VULKAN = "#!/bin/sh\necho '  libvulkan.so.1 (libc6,x86-64)'\n";
const fakeId = (user: number) => `#!/bin/sh\necho ${user}\n`;

/** A machine of fakes on which the launcher is all that is real. */
class Machine extends TestFolder {
  constructor(programs: Readonly<Record<string, string>>) {
    super({ "drivers/": "", "run/": "" });
    for (const name of ["sh", "dirname", "readlink", "uname", "grep", "cat"]) {
      this.write("bin/", "");
      Deno.symlinkSync(which(name), `${this.path}/bin/${name}`);
    }
    for (const [name, text] of Object.entries(programs)) this.add(name, text);
  }

  add(name: string, text: string): void {
    Deno.chmodSync(this.write(`bin/${name}`, text), 0o755);
  }

  /** Runs the launcher, by default through its own path and from the root folder. */
  async run(
    args: readonly string[],
    { launcher = LAUNCHER, cwd = "/" } = {},
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const { code, stdout, stderr } = await new Deno.Command(launcher, {
      args: [...args],
      cwd,
      clearEnv: true,
      env: {
        PATH: `${this.path}/bin`,
        TMPDIR: this.path,
        ASTUNER_VULKAN_FOLDERS: `${this.path}/nowhere ${this.path}/drivers`,
      },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }
}

function which(name: string): string {
  for (const folder of ["/bin", "/usr/bin"]) {
    try {
      return Deno.realPathSync(`${folder}/${name}`);
    } catch {
      continue;
    }
  }
  throw new Error(`This machine has no ${name}`);
}

Deno.test("astuner hands its arguments to cli.ts, from any folder and through links", async () => {
  using machine = new Machine({ deno: fakeDeno("2.9.9") });
  Deno.symlinkSync(LAUNCHER, `${machine.path}/first`);
  Deno.symlinkSync("../first", `${machine.path}/run/second`);
  const expected = `runs ${machine.path}
<run>\n<-A>\n<--config>\n<${ROOT}/deno.json>\n<${ROOT}/cli.ts>\n<config>\n<--set>\n<name=a b>
`;
  const args = ["config", "--set", "name=a b"];
  const launcher = `${machine.path}/run/second`;
  for (
    const options of [{}, { launcher }, {
      launcher: "./run/second",
      cwd: machine.path,
    }]
  ) {
    assertEquals(await machine.run(args, options), {
      code: 0,
      stdout: expected,
      stderr: "",
    });
  }
});

Deno.test("astuner gets its Deno through npm where there is none of its version", async () => {
  using machine = new Machine({ deno: fakeDeno("2.8.1") });
  const pinned = machine.write("pinned/deno", fakeDeno("2.9.6"));
  Deno.chmodSync(pinned, 0o755);
  machine.add(
    "npx",
    `#!/bin/sh\necho "npx $*" >> ${machine.path}/log\necho ${pinned}\n`,
  );
  const { code, stdout } = await machine.run(["--version"]);
  assertEquals(code, 0);
  assertMatch(stdout, "<--version>");
  assertMatch(
    Deno.readTextFileSync(`${machine.path}/log`),
    "npx -y deno@2.9.6 eval ",
  );
});

Deno.test("astuner says in one line how to get Deno", async () => {
  using machine = new Machine({});
  assertEquals(await machine.run(["train"]), {
    code: 2,
    stdout: "",
    stderr:
      "ASTuner needs Deno 2.9 and found none: run: npm install --global deno@2.9.6 " +
      "(or see https://docs.deno.com/runtime)\n",
  });
});

Deno.test("astuner leaves a machine with a Vulkan driver as it is", async () => {
  using machine = new Machine({
    deno: fakeDeno("2.9.6"),
    ldconfig: FOUND_VULKAN,
    "apt-get": "#!/bin/sh\nexit 1\n",
    id: fakeId(0),
  });
  machine.write("drivers/some_icd.json", "{}");
  const { code, stdout, stderr } = await machine.run(["train"]);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, "<train>");
});

Deno.test("astuner installs Mesa's driver where there is none, and says so", async () => {
  using machine = new Machine({
    deno: fakeDeno("2.9.6"),
    id: fakeId(0),
  });
  machine.add(
    "apt-get",
    `#!/bin/sh\necho "apt-get $*" | cat >> ${machine.path}/log\necho noise\n`,
  );
  const { code, stdout, stderr } = await machine.run(["train"]);
  assertEquals(code, 0);
  assertEquals(
    stderr,
    "WebGPU needs a Vulkan driver and found none: installing mesa-vulkan-drivers\n",
  );
  assertMatch(stdout, /^runs /);
  assertEquals(
    Deno.readTextFileSync(`${machine.path}/log`),
    "apt-get update -qq\n" +
      "apt-get install -y -qq --no-install-recommends mesa-vulkan-drivers\n",
  );
});

Deno.test("astuner installs the driver where Vulkan's own library is missing", async () => {
  using machine = new Machine({
    deno: fakeDeno("2.9.6"),
    id: fakeId(0),
    "apt-get": "#!/bin/sh\n",
    ldconfig: "#!/bin/sh\n",
  });
  machine.write("drivers/some_icd.json", "{}");
  const { stderr } = await machine.run(["test"]);
  assertMatch(stderr, "installing mesa-vulkan-drivers");
});

Deno.test("astuner prints the remedy where it cannot install a driver", async () => {
  using machine = new Machine({ deno: fakeDeno("2.9.6"), id: fakeId(1000) });
  assertEquals(await machine.run(["train"]), {
    code: 2,
    stdout: "",
    stderr:
      "WebGPU needs a Vulkan driver and found none: install your GPU's, or Mesa's " +
      "(vulkan-swrast, mesa-vulkan-drivers or the like)\n",
  });
  machine.add("apt-get", "#!/bin/sh\nexit 100\n");
  const asUser = await machine.run(["train"]);
  assertEquals(asUser.code, 2);
  assertMatch(
    asUser.stderr,
    "run: sudo apt-get update && sudo apt-get install",
  );
  machine.add("id", fakeId(0));
  const broken = await machine.run(["train"]);
  assertEquals([broken.code, broken.stdout], [2, ""]);
  assertMatch(
    broken.stderr,
    "Could not install mesa-vulkan-drivers: run: apt-get",
  );
});

Deno.test("astuner asks for no driver where none is needed", async () => {
  using machine = new Machine({ deno: fakeDeno("2.9.6"), id: fakeId(1000) });
  for (const args of [[], ["help"], ["config"], ["doctor"]]) {
    assertEquals((await machine.run(args)).code, 0);
  }
});
