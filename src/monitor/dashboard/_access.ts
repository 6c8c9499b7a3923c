import type { Context } from "../../deps/hono.ts";

/** Names under which a machine reaches itself, as they stand in a URL or behind `--host`. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/;

/** Whether an address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** A token that nobody guesses. */
export function newToken(): string {
  return crypto.getRandomValues(new Uint8Array(24))
    .toBase64({ alphabet: "base64url" });
}

/**
 * Decides whether a request is answered: with a token, it must bring it, in the URL or as the cookie
 * that the URL left; without one, it must address this machine by a name of its own, so that no page
 * of another site can reach the dashboard through a name that it controls.
 *
 * @returns The answer where the request gets no other.
 */
export function refuse(
  { req }: Context,
  token: string | undefined,
): Response | undefined {
  const url = new URL(req.url);
  if (token === undefined) {
    if (isLoopback(url.hostname)) return undefined;
    return new Response(`This dashboard is not at ${url.host}`, {
      status: 403,
    });
  }
  const cookie = `astuner-${url.port || "80"}`;
  const presented = url.searchParams.get("token");
  if (presented !== null && alike(presented, token)) {
    url.searchParams.delete("token");
    return new Response(null, {
      status: 303,
      headers: {
        location: `${url.pathname}${url.search}`,
        "set-cookie": `${cookie}=${token}; HttpOnly; SameSite=Strict; Path=/`,
      },
    });
  }
  const kept = (req.header("cookie") ?? "").split("; ")
    .find((pair) => pair.startsWith(`${cookie}=`))?.slice(cookie.length + 1);
  if (kept !== undefined && alike(kept, token)) return undefined;
  return new Response("Open the dashboard by the whole URL that was printed", {
    status: 401,
  });
}

/** Compares in a time that depends on the lengths alone. */
function alike(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) {
    difference |= a.charCodeAt(at) ^ b.charCodeAt(at % b.length);
  }
  return difference === 0;
}
