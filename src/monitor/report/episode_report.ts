import { readable, visible } from "../dashboard/page/visible.js";
import type {
  CallDetail,
  EpisodeDetail,
  RecordReader,
} from "../records/mod.ts";
import { hexOf, inLine, type Paint, paintOf, short } from "./_text.ts";

/** Colours of the 256 from a likely token to an unlikely one, as backgrounds. */
const SHADES = [0, 17, 18, 19, 20, 21];

/** Nats from one shade to the next. */
const SHADE_NATS = 1;

/** An episode to the token: each call's new tokens, the trained ones coloured by logprob. */
export function episodeReport(
  reader: RecordReader,
  episode: EpisodeDetail,
  { color = false }: { readonly color?: boolean } = {},
): string {
  const paint = paintOf(color);
  const { task, step, place, reward, error, calls, metadata } = episode;
  const texts = reader.tokens(calls.flatMap(({ path }) => path));
  const bytesOf = (id: number) => texts.get(id)?.bytes ?? new Uint8Array();
  return [
    paint("bold", `${inLine(task)}, step ${step}, episode ${place}`),
    error === null
      ? `reward ${short(reward)}`
      : paint("red", `failed in ${error.stage}: ${readable(error.message)}`),
    readable(episode.query),
    ...(Object.keys(metadata).length === 0
      ? []
      : [paint("dim", inLine(JSON.stringify(metadata)))]),
    ...calls.flatMap((call, number) => [
      "",
      headOf(call, number, paint),
      callText(call, { bytesOf, paint, color }),
    ]),
  ].join("\n");
}

function headOf(call: CallDetail, number: number, paint: Paint): string {
  const {
    agent,
    adapter,
    prompt,
    shared,
    sampled,
    finish,
    version,
    branch,
    untrainable,
  } = call;
  const gaps = (call.trainer ?? []).map((logprob, at) =>
    Math.abs((logprob ?? NaN) - (call.logprobs[at] ?? NaN))
  ).filter(Number.isFinite);
  const gap = gaps.length === 0
    ? ""
    : `, gap up to ${short(Math.max(...gaps))}`;
  return [
    paint("bold", `call ${number} by ${inLine(agent)}`),
    adapter === null ? "" : ` with adapter ${inLine(adapter)}`,
    `: ${prompt} prompt tokens (${
      Math.min(shared, prompt)
    } shared), ${sampled} sampled`,
    `, ${inLine(finish)}, version ${version}${gap}`,
    branch === null ? "" : paint(
      "yellow",
      `, branch: ${branch.kind} after ${branch.depth} tokens`,
    ),
    untrainable === null
      ? ""
      : paint("red", `, not trained on: ${inLine(untrainable)}`),
  ].join("");
}

/** The tokens that a call added; without colour, sampled ones stand between `‹` and `›`. */
function callText(
  { path, sampled, logprobs }: CallDetail,
  { bytesOf, paint, color }: {
    readonly bytesOf: (id: number) => Uint8Array;
    readonly paint: Paint;
    readonly color: boolean;
  },
): string {
  const from = Math.max(0, path.length - sampled);
  // Characters of several tokens are put together, but where each token has a colour of its own.
  const wholeText = (ids: readonly number[]) =>
    lineText(Uint8Array.from(ids.flatMap((id) => [...bytesOf(id)])));
  const prompt = paint("dim", wholeText(path.slice(0, from)));
  if (!color) return `${prompt}‹${wholeText(path.slice(from))}›`;
  return prompt + path.slice(from).map((id, at) => {
    const logprob = logprobs[sampled - path.length + from + at] ?? 0;
    const level = Math.min(
      SHADES.length - 1,
      Math.floor(-logprob / SHADE_NATS),
    );
    const text = tokenText(bytesOf(id));
    return level > 0 ? `\x1b[48;5;${SHADES[level]};97m${text}\x1b[0m` : text;
  }).join("");
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A token's text, or its bytes where they are a part of a character. */
function tokenText(bytes: Uint8Array): string {
  try {
    UTF8.decode(bytes);
  } catch {
    return `⟨${hexOf(bytes)}⟩`;
  }
  return lineText(bytes);
}

function lineText(bytes: Uint8Array): string {
  return visible(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes))
    .replaceAll("⏎", "⏎\n");
}
