/**
 * Runner: one episode, the user's workflow and judge, in a fence.
 *
 * User code runs in child processes that may reach the gateway, their own folders and what the YAML
 * names, and nothing else; many episodes share a process. This room starts, watches, kills and
 * replaces the processes, and tells apart an episode's own failure from its neighbour's. It does
 * not know which episode runs when, nor retries any: that is the rollout's. It knows of the model
 * only the URL and key that it hands to the workflow.
 *
 * Workflows that are no code of ours stand beside the fence: a program (`ProcessRunner`), a
 * service (`HttpRunner`), or agents that come for episodes by themselves (`OpenRunner`).
 *
 * Inside the fence runs `fenced/`; in the compiled program `stage()` stands in for `deno run`.
 *
 * @module
 */
export { HttpRunner } from "./http_runner.ts";
export type { HttpRunnerOptions } from "./http_runner.ts";
export type { Inspector } from "./inspector.ts";
export { OpenRunner } from "./open_runner.ts";
export type { OpenRunnerOptions } from "./open_runner.ts";
export { ProcessRunner } from "./process_runner.ts";
export type { ProcessRunnerOptions } from "./process_runner.ts";
export { workflowJsonSchemas } from "./workflow_protocol.ts";
export { Runner } from "./runner.ts";
export type { RunnerOptions } from "./runner.ts";
export { stage } from "./stage.ts";
export type { Stage } from "./stage.ts";
export { Workflow } from "./workflow.ts";
export type { JudgeFunction, WorkflowOutput } from "../judge/mod.ts";
export type * from "./types.ts";
