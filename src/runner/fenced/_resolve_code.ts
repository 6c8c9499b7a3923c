import { BUILT_IN_JUDGES, type JudgeFunction } from "../../judge/mod.ts";
import type { WorkflowFunction } from "../types.ts";
import type { UserCode } from "./_play.ts";
import { show } from "./_show.ts";
import { UsageError } from "./_usage_error.ts";

/** A loaded module, of which only the default export matters. */
export interface LoadedModule {
  readonly default?: unknown;
}

/** The user's modules, and a built-in judge's name where no judge module is given. */
export interface LoadedCode {
  readonly workflow: LoadedModule;
  readonly judge?: LoadedModule | string;
}

/** @throws {UsageError} If a default export is missing or is neither a function nor a class. */
export function resolveCode({ workflow, judge }: LoadedCode): UserCode {
  return {
    workflow: resolveWorkflow(workflow.default),
    ...(judge !== undefined && { judge: resolveJudge(judge) }),
  };
}

function resolveWorkflow(exported: unknown): WorkflowFunction {
  if (typeof exported === "function") {
    if (typeof exported.prototype?.execute === "function") {
      const Agent = exported as new () => { execute: WorkflowFunction };
      return (task, tuner) => new Agent().execute(task, tuner);
    }
    if (!isClass(exported)) return exported as WorkflowFunction;
    throw new UsageError(
      `The workflow class ${exported.name} has no method execute(task, tuner)`,
    );
  }
  throw new UsageError(
    "The workflow file has no usable default export: export default an async function " +
      `(task, tuner), or a class with execute(task, tuner). It is ${
        show(exported)
      }`,
  );
}

function resolveJudge(judge: LoadedModule | string): JudgeFunction {
  if (typeof judge === "string") return BUILT_IN_JUDGES[judge]!;
  const { default: exported } = judge;
  if (typeof exported === "function" && !isClass(exported)) {
    return exported as JudgeFunction;
  }
  throw new UsageError(
    "The judge file has no usable default export: export default a function (task, output) " +
      `that returns the reward. It is ${show(exported)}`,
  );
}

function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
