import { readable } from "../dashboard/page/visible.js";
import { formatSeconds } from "../_format.ts";
import { type Paint, paintOf, short } from "../report/_text.ts";
import { field } from "./_field.ts";
import { messageLines } from "./_message_lines.ts";
import { tokenText } from "./_token_text.ts";
import type { CallAccount, EpisodeAccount, SourceExcerpt } from "./types.ts";

/** How a report is written. */
export interface AccountReportOptions {
  /** Whether escape sequences may be written. @default {false} */
  readonly color?: boolean;
  /** Columns of the terminal. @default {100} */
  readonly columns?: number;
  /** Episodes of the task. @default {1} */
  readonly episodes?: number;
}

/** Writes how its account is laid out. */
interface Page {
  readonly paint: Paint;
  readonly color: boolean;
  readonly width: number;
}

/** An episode for its agent's author to read: what was said, sampled, rewarded, and what went wrong. */
export function accountReport(
  account: EpisodeAccount,
  { color = false, columns = 100, episodes = 1 }: AccountReportOptions = {},
): string {
  const page = { paint: paintOf(color), color, width: columns };
  const { calls, refused, log, learning } = account;
  return [
    headOf(account, episodes, page),
    ...calls.flatMap((call, at) => callLines(call, at + 1, page)),
    ...refused.flatMap(({ agent, message, seconds }) =>
      field(
        page.paint("red", "refused"),
        `${agent}'s request, after ${formatSeconds(seconds)}: ${
          readable(message)
        }`,
        page,
      )
    ),
    ...(log.trim() === ""
      ? []
      : field(page.paint("dim", "printed"), readable(log.trimEnd()), page)),
    ...outcomeLines(account, page),
    ...field("learning", learning.verdict, page),
    ...field("time", timeOf(account), page),
  ].join("\n");
}

function headOf(
  { task, index, error, reward, success }: EpisodeAccount,
  episodes: number,
  { paint }: Page,
): string {
  const which = episodes > 1 ? `, episode ${index + 1} of ${episodes}` : "";
  const [color, how] = error
    ? ["red", "failed"] as const
    : success
    ? ["green", `reward ${short(reward)}`] as const
    : ["yellow", `reward ${short(reward)}`] as const;
  const title = `task ${readable(task.id)}${which}`;
  return `${paint("bold", title)}  ${paint(color, how)}`;
}

function callLines(call: CallAccount, number: number, page: Page): string[] {
  const { paint } = page;
  const { agent, sent, sentBefore, reply, tokens, branch, untrainable } = call;
  const again = sentBefore > 0 && branch
    ? ["", ...field("", paint("dim", `${sentBefore} messages as before`), page)]
    : [];
  const { promptTokens, sharedTokens, sampledTokens, finishReason } = call;
  const shared = sharedTokens > 0 ? ` (${sharedTokens} shared)` : "";
  const facts = [
    `call ${number}${agent === "default" ? "" : ` by ${readable(agent)}`}`,
    `${promptTokens}${shared} + ${sampledTokens} tokens`,
    ...(call.seconds === null ? [] : [`${call.seconds.toFixed(2)}s`]),
    ...(finishReason === "stop" ? [] : [finishReason]),
  ].join(", ");
  const verdict = readable(call.verdict);
  const alarming = branch?.kind === "rewritten-history" || untrainable;
  return [
    ...again,
    ...sent.flatMap((message) => messageLines(message, page)),
    ...(reply === null ? [] : messageLines(reply, page)),
    ...field(
      "",
      `${paint("dim", facts)}  ${paint(alarming ? "yellow" : "dim", verdict)}`,
      page,
    ),
    ...(tokens.length === 0 ? [] : field("", tokenText(tokens, page), page)),
  ];
}

function outcomeLines(account: EpisodeAccount, page: Page): string[] {
  const { paint } = page;
  const { error, reward, success, metrics, metadata } = account;
  if (error !== null) {
    const { stage, message, source } = error;
    return [
      ...field(
        paint("red", "failed"),
        `in ${stage}: ${readable(message)}`,
        page,
      ),
      ...(source ? excerptLines(source, page) : []),
    ];
  }
  const measured = Object.entries(metrics)
    .map(([name, value]) => `, ${readable(name)} ${short(value)}`).join("");
  return [
    ...field(
      "reward",
      `${short(reward)}, ${success ? "solved" : "not solved"}${measured}`,
      page,
    ),
    ...Object.entries(metadata).flatMap(([name, value]) =>
      field(
        readable(name),
        readable(typeof value === "string" ? value : JSON.stringify(value)),
        page,
      )
    ),
  ];
}

function excerptLines(
  { first, line, column, text }: SourceExcerpt,
  { paint }: Page,
): string[] {
  const width = String(first + text.length - 1).length;
  return text.flatMap((code, at) => {
    const number = first + at;
    const shown = `${String(number).padStart(width)} │ ${readable(code)}`;
    const here = number === line;
    const row = `${INDENT}${here ? "▸ " : "  "}${shown}`;
    const mark = here && column !== undefined
      ? [paint("red", `${INDENT}${" ".repeat(width + 4 + column)}^`)]
      : [];
    return [paint(here ? "bold" : "dim", row), ...mark];
  });
}

const INDENT = " ".repeat(12);

function timeOf({ seconds: { total, model } }: EpisodeAccount): string {
  const rest = Math.max(0, total - model);
  return `${total.toFixed(2)}s: model ${model.toFixed(2)}s, agent and judge ${
    rest.toFixed(2)
  }s`;
}
