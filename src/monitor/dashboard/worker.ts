/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The dashboard's own thread: questions about a long run take a while to answer, and nobody's
 * episode should wait for them.
 */
import { UserError } from "../../errors.ts";
import type { Command, Report } from "./_protocol.ts";
import { DashboardServer } from "./_server.ts";

let server: DashboardServer | undefined;

self.onmessage = async ({ data }: MessageEvent<Command>) => {
  switch (data.kind) {
    case "start":
      try {
        server = DashboardServer.start(data.directories, data.options);
        post({ kind: "started", url: server.url });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        post({ kind: "refused", message: error.message });
      }
      break;
    case "show":
      server?.show(data.event);
      break;
    case "end":
      await server?.[Symbol.asyncDispose]();
      post({ kind: "ended" });
      break;
    default:
      data satisfies never;
  }
};

function post(message: Report): void {
  self.postMessage(message);
}
