import type { Endpoint } from "../runner/mod.ts";
import type { TokenTree } from "../tracker/mod.ts";
import type { MessageTree, OpenEpisodeOptions } from "../tuner/mod.ts";

/** What gives episodes an endpoint of their own and records their calls: the gateway. */
export interface EpisodeHost {
  /** Gives an attempt its endpoint. */
  openEpisode(options: OpenEpisodeOptions): HostedEpisode;
}

/** One attempt at an episode, seen from the gateway. */
export interface HostedEpisode extends Endpoint {
  /** Every call; complete once `close` or `abort` has resolved. */
  readonly tree: TokenTree;
  /** The same calls as messages; absent where the host keeps none. */
  readonly messages?: MessageTree;
  /** Calls being served. */
  readonly inFlight: number;
  /** When a call last came in or was answered, in milliseconds since 1970. */
  readonly lastActivity: number;
  /** Ends the episode. */
  close(): Promise<void>;
  /** Ends the episode for a reason, which is recorded with the calls that it cuts off. */
  abort(reason: string): Promise<void>;
}
