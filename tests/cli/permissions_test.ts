import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import { assertEquals } from "../assert.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A permission by its kind, with the one value it is given for where it names values. */
interface Permission {
  readonly kind: string;
  readonly value?: string;
}

/** The permissions of a stage's set, one by one. */
function permissionsOf(stage: string): Permission[] {
  const set = manifest.permissions[stage as keyof typeof manifest.permissions];
  return Object.entries(set).flatMap(([kind, allowed]) =>
    Array.isArray(allowed)
      ? allowed.map((value: string) => ({ kind, value }))
      : [{ kind, value: "" }]
  );
}

/** Runs a stage at its typical work with nothing but its set; returns what it asked for. */
async function audit(stage: string): Promise<Permission[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      `--permission-set=${stage}`,
      `tests/cli/stages/${stage}.ts`,
    ],
    cwd: ROOT,
    // Not a file: the runner's own children would begin it anew.
    env: { DENO_AUDIT_PERMISSIONS: "/dev/stdout" },
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\n").slice(0, -1).map(
    (line) => {
      const { permission, value } = JSON.parse(line);
      return { kind: permission, value };
    },
  );
}

for (const stage of Object.keys(manifest.permissions)) {
  Deno.test(`${stage} works with its permission set, and uses all of it`, async () => {
    const used = await audit(stage);
    const idle = permissionsOf(stage).filter(({ kind, value }) =>
      kind !== "run" && // Deno's audit says nothing of programs
      !used.some((use) => use.kind === kind && (!value || use.value === value))
    );
    assertEquals(idle, []);
  });
}
