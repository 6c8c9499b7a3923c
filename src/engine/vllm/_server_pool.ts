import { EngineError } from "../../errors.ts";
import type { Attendance } from "./_attendance.ts";
import { LONGEST_BACKOFF_MS } from "./_persist.ts";
import { Places } from "./_places.ts";
import type { Server, ServerLoad } from "./_server.ts";
import { sleep } from "./_sleep.ts";

/** How requests are spread over servers. */
export interface ServerPoolOptions {
  /** Most requests at one server at a time. */
  readonly maxInFlight: number;
  /** A server in whose own queue more requests wait gets no further ones. */
  readonly maxQueued: number;
  /** How long a server's load, and that it was not started again, are taken for granted. */
  readonly observeMs: number;
  /** First pause before a server that was away is looked for again; doubles each time. */
  readonly backoffMs: number;
  /** Makes a server serve what it is expected to. */
  readonly restore: (
    server: Server,
    options: { readonly restarted: boolean },
  ) => Promise<void>;
  /** Is told of servers that are away. */
  readonly attendance: Attendance;
}

/** A place at a server, to be left when its request is over. */
export interface Place {
  readonly server: Server;
  /** When the server's process was started, as far as was known when the place was taken. */
  readonly startedAt: number | undefined;
  leave(): void;
}

/** How much longer somebody will wait for servers that are away or overloaded. */
export interface Patience {
  leftMs: number;
}

/** Who asks for a place. */
export interface PlaceOptions {
  /** Requests with the same key go to the same server, as long as it is there. */
  readonly affinity?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly patience: Patience;
}

/** A server as the pool sees it. */
interface Member {
  readonly server: Server;
  readonly places: Places;
  load: ServerLoad;
  /** When `load` was seen, in milliseconds of `performance.now`; −∞ where something has gone wrong since. */
  observedAt: number;
  observing: Promise<void> | undefined;
  /** The observation after the one under way. */
  nextObserving: Promise<void> | undefined;
  /** When it may be tried again. */
  restUntil: number;
  /** Times in a row that it was away. */
  absences: number;
  error: unknown;
}

/** Keys remembered; the ones used last stay. */
const REMEMBERED_KEYS = 65_536;

/** Gives each request a place at a server: the one that its key is used to, else the least busy. */
export class ServerPool {
  readonly #options: ServerPoolOptions;
  readonly #members: readonly Member[];
  readonly #homes = new Map<string, Member>();

  /** @param loads What was seen of each server when it was found. */
  constructor(
    servers: ReadonlyMap<Server, ServerLoad>,
    options: ServerPoolOptions,
  ) {
    this.#options = options;
    this.#members = [...servers].map(([server, load]) => ({
      server,
      places: new Places(options.maxInFlight),
      load,
      observedAt: performance.now(),
      observing: undefined,
      nextObserving: undefined,
      restUntil: 0,
      absences: 0,
      error: undefined,
    }));
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#members.reduce((sum, { places }) => sum + places.taken, 0);
  }

  /** Requests that wait for a place. */
  get waiting(): number {
    return this.#members.reduce((sum, { places }) => sum + places.waiting, 0);
  }

  /**
   * Waits for a place; undefined where `signal` aborted first.
   *
   * @throws {EngineError} If patience is at its end.
   */
  async place(options: PlaceOptions): Promise<Place | undefined> {
    const { affinity, signal, patience } = options;
    while (!signal?.aborted) {
      const member = this.#choose(affinity);
      const rest = member.restUntil - performance.now();
      if (rest > 0) {
        if (patience.leftMs <= 0) throw outOfPatience(member);
        patience.leftMs -= rest;
        await sleep(rest, signal);
        continue;
      }
      if (!await member.places.take(signal)) return undefined;
      if (await this.#isReady(member)) {
        return {
          server: member.server,
          startedAt: member.load.startedAt,
          leave: () => member.places.leave(),
        };
      }
      member.places.leave();
    }
    return undefined;
  }

  /** Leaves a server alone for as long as it asked for, or for a while. */
  rest(server: Server, ms: number = this.#options.backoffMs): void {
    this.#member(server).restUntil = performance.now() + ms;
  }

  /** Has a server looked at before it gets another request. */
  suspect(server: Server): void {
    this.#member(server).observedAt = -Infinity;
  }

  /**
   * Looks at a server, and has it serve what it is expected to.
   *
   * @throws {ServerError} If it is away, or cannot.
   */
  async settle(server: Server): Promise<void> {
    const member = this.#member(server);
    const asked = performance.now();
    this.suspect(server);
    await this.#observeFrom(member);
    if (member.observedAt < asked) throw member.error;
  }

  /** Whether the server is certain to be the same process as when `place` was taken, until now. */
  async isSameProcess({ server, startedAt }: Place): Promise<boolean> {
    const member = this.#member(server);
    const asked = performance.now();
    await this.#observeFrom(member);
    return member.observedAt >= asked && member.load.startedAt === startedAt;
  }

  #member(server: Server): Member {
    return this.#members.find((member) => member.server === server)!;
  }

  #choose(affinity: string | undefined): Member {
    const now = performance.now();
    const home = affinity === undefined ? undefined : this.#homes.get(affinity);
    const awake = this.#members.filter(({ restUntil }) => restUntil <= now);
    const member = home && (awake.length === 0 || awake.includes(home))
      ? home
      : awake.length > 0
      ? smallest(awake, busyness)
      : smallest(this.#members, ({ restUntil }) => restUntil);
    if (affinity !== undefined) this.#remember(affinity, member);
    return member;
  }

  #remember(affinity: string, member: Member): void {
    this.#homes.delete(affinity);
    this.#homes.set(affinity, member);
    if (this.#homes.size <= REMEMBERED_KEYS) return;
    const [oldest] = this.#homes.keys();
    this.#homes.delete(oldest!);
  }

  /** Looks at a server where that is due, once for all who wait for it. */
  async #isReady(member: Member): Promise<boolean> {
    const { observeMs } = this.#options;
    if (member.restUntil > performance.now()) return false;
    if (performance.now() - member.observedAt <= observeMs) return true;
    member.observing ??= this.#observe(member);
    await member.observing;
    return member.restUntil <= performance.now();
  }

  /** Looks at a server from now on: an observation that is under way may have seen it before. */
  #observeFrom(member: Member): Promise<void> {
    member.nextObserving ??= (member.observing ?? Promise.resolve()).then(
      () => {
        member.nextObserving = undefined;
        member.observing ??= this.#observe(member);
        return member.observing;
      },
    );
    return member.nextObserving;
  }

  async #observe(member: Member): Promise<void> {
    const { restore, maxQueued, observeMs, backoffMs, attendance } =
      this.#options;
    const { server } = member;
    const isSuspect = member.observedAt === -Infinity;
    try {
      const load = await server.load();
      const restarted = load.startedAt === undefined
        ? isSuspect
        : load.startedAt !== member.load.startedAt;
      if (restarted || isSuspect) await restore(server, { restarted });
      member.load = load;
      member.observedAt = performance.now();
      member.absences = 0;
      attendance.back(server);
      if (load.waiting > maxQueued) this.rest(server, observeMs);
    } catch (error) {
      member.error = error;
      attendance.away(server, error);
      const backoff = backoffMs * 2 ** member.absences++;
      this.rest(server, Math.min(backoff, LONGEST_BACKOFF_MS));
    } finally {
      member.observing = undefined;
    }
  }
}

function busyness({ places, load }: Member): number {
  return places.taken + places.waiting + load.waiting;
}

function smallest<T>(items: readonly T[], by: (item: T) => number): T {
  return items.reduce((a, b) => by(b) < by(a) ? b : a);
}

function outOfPatience({ server, error }: Member): EngineError {
  const reason = error instanceof Error
    ? error.message
    : `vLLM at ${server.url} is overloaded`;
  return new EngineError(`No server could be used for too long: ${reason}`, {
    cause: error,
  });
}
