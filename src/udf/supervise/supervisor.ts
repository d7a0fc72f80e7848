import { messageOf, TineError } from "../../wire/errors.ts";
import { LONGEST_TIMER_MS } from "../../wire/long_timer.ts";
import { takesFrames } from "../handler.ts";
import { Host, type HostCounts, type HostOptions, type Receiver } from "../host.ts";
import type { Batch } from "../batcher.ts";
import type { BeginBatch, EdgeType, EndBatch, InfoResponse, Option, Request } from "../messages.ts";
import type { Peer } from "../peer.ts";
import type { Point } from "../point.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import { ReplayLog } from "./replay_log.ts";

/** How often a UDF is started again that dies after the end of its input. */
const STOP_ATTEMPTS = 3;

/** How a UDF is supervised; each has a default. */
export interface SupervisorOptions extends Omit<HostOptions, "onKill"> {
  /** How often a UDF that dies is started again, and when. */
  backoff?: BackoffOptions;
  /** How often its state is saved, in ms; default 10,000. */
  snapshotIntervalMs?: number;
  /** How much input is kept to be sent again, in bytes; default 64 MiB. */
  replayBufferBytes?: number;
}

/** What supervision did. */
export interface SupervisorCounts {
  /** How often the UDF was started again. */
  restarts: number;
  /** Points that were sent again. */
  resentPoints: number;
  /** Points that the UDF had sent since its last known state when it died: they may come a second time. */
  repeatedOutputs: number;
  /** Points whose effect on the state is lost, since the UDF gave no snapshot that holds it. */
  lostPoints: number;
}

/**
 * A host whose UDF may die: it is started again, gets its options, its last state, and all input since.
 *
 * Snapshots are taken between batches every so often, and when much input has collected. What the UDF has sent since its last
 * snapshot comes again after a restart; {@linkcode Supervisor.supervision} counts it.
 */
export class Supervisor {
  readonly #reach: () => Promise<Peer>;
  readonly #receiver: Receiver;
  readonly #options: SupervisorOptions;
  readonly #backoff: Backoff;
  readonly #log = new ReplayLog();
  readonly #counts: SupervisorCounts = { restarts: 0, resentPoints: 0, repeatedOutputs: 0, lostPoints: 0 };
  readonly #totals: HostCounts = {
    pointsIn: 0,
    pointsOut: 0,
    batchesIn: 0,
    batchesOut: 0,
    unasked: 0,
    invalidStrings: 0,
  };
  #host: Host | undefined;
  /** While the UDF is being started: settles when it is there again. */
  #starting: Promise<void> | undefined;
  #init: Option[] | undefined;
  #state: Uint8Array | undefined;
  #saving: Promise<Uint8Array> | undefined;
  #saveDue = false;
  #insideBatch = false;
  #edge: EdgeType | undefined;
  #outputsSince = 0;
  /** Points that no snapshot of this UDF holds. */
  #unsaved = 0;
  /** Points of the log that a UDF has got, counted from its beginning. */
  #given = 0;
  /** Hosts that have not been waited for: of the UDF in use, of one that is being started, of one that is replaced. */
  readonly #live = new Set<Host>();
  /** While a reload waits for its turn: further ones are the same. */
  #reloading: Promise<void> | undefined;
  /** Settles at the end of a batch, for who waits for that. */
  #batchEnded: PromiseWithResolvers<void> | undefined;
  #stopping = false;
  readonly #gaveUp = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #failure: Error | undefined;

  /**
   * @param reach starts or connects to the UDF, each time anew
   * @param receiver gets what the UDF sends
   */
  constructor(reach: () => Promise<Peer>, receiver: Receiver, options: SupervisorOptions = {}) {
    this.#reach = reach;
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
    this.#receiver = {
      point: (point) => {
        this.#outputsSince++;
        return this.#handOn(() => receiver.point(point));
      },
      batch: (batch) => {
        this.#outputsSince += batch.points.length;
        return this.#handOn(() => receiver.batch(batch));
      },
    };
    if (takesFrames(receiver)) {
      this.#receiver = Object.assign(this.#receiver, {
        pointFrame: (bytes: Uint8Array, start: number, end: number) => {
          this.#outputsSince++;
          return this.#handOn(() => receiver.pointFrame(bytes, start, end));
        },
      });
    }
  }

  /** What supervision did so far. */
  get supervision(): SupervisorCounts {
    return { ...this.#counts };
  }

  /** What went through, over all restarts; points that were sent again count once. */
  get counts(): HostCounts {
    const sum = { ...this.#totals };
    for (const host of this.#live) add(sum, host.counts);
    return sum;
  }

  /** Why it was given up, once it was. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Starts the UDF. */
  start(): void {
    if (this.#starting !== undefined || this.#host !== undefined) return;
    this.#begin(this.#attach());
    const { snapshotIntervalMs = 10_000 } = this.#options;
    this.#timer = setInterval(() => this.#saveSoon(), Math.min(snapshotIntervalMs, LONGEST_TIMER_MS));
    Deno.unrefTimer(Number(this.#timer));
  }

  /** As {@linkcode Host.info}. */
  async info(): Promise<InfoResponse> {
    const info = await this.#ask((host) => host.info());
    this.#edge = info.provides;
    return info;
  }

  /** As {@linkcode Host.init}; a UDF that is started again gets the same options. */
  async init(options: Option[]): Promise<void> {
    await this.#ask((host) => host.init(options));
    this.#init = options;
  }

  /** As {@linkcode Host.restore}. */
  async restore(state: Uint8Array): Promise<void> {
    if (this.#saving !== undefined) await this.#saving.catch(() => {});
    const mark = this.#log.mark();
    await this.#ask((host) => host.restore(state));
    // What was sent before has no effect any more.
    this.#log.dropBefore(mark);
    this.#state = state;
    this.#outputsSince = this.#unsaved = 0;
  }

  /** As {@linkcode Host.snapshot}. */
  async snapshot(): Promise<Uint8Array> {
    // One that is being taken does not reflect what was sent after it had been asked for.
    if (this.#saving !== undefined) await this.#saving.catch(() => {});
    if (this.#insideBatch || this.#init === undefined) return await this.#ask((host) => host.snapshot());
    return await this.#save();
  }

  /** Sends a point; the promise, where there is one, must be waited for. */
  point(point: Point): Promise<void> | void {
    this.#totals.pointsIn++;
    return this.#send({ kind: "point", point }, 1);
  }

  /** Sends a point that is encoded, as {@linkcode FrameTaker.pointFrame} has it. */
  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#totals.pointsIn++;
    this.#log.addPoint(bytes, start, end);
    return this.#sent((host) => host.pointFrame(bytes, start, end));
  }

  /** Begins a batch. */
  begin(begin: BeginBatch): Promise<void> | void {
    this.#insideBatch = true;
    return this.#send({ kind: "begin", begin }, 0);
  }

  /** Ends a batch. */
  end(end: EndBatch): Promise<void> | void {
    this.#insideBatch = false;
    this.#totals.batchesIn++;
    const sent = this.#send({ kind: "end", end }, 0);
    if (this.#saveDue) this.#saveSoon();
    this.#endWaitForBatch();
    return sent;
  }

  /** Sends a batch. */
  async batch({ begin, points, end }: Batch): Promise<void> {
    await this.begin(begin);
    for (const point of points) {
      const full = this.point(point);
      if (full !== undefined) await full;
    }
    await this.end(end);
  }

  /**
   * Replaces the UDF by a new one that gets its state, as after a change of its program; input goes on where it was.
   * A new one that does not start leaves the old one in place. Never in the middle of a batch.
   */
  reload(): Promise<void> {
    return this.#reloading ??= Promise.resolve().then(() => this.#reloadSoon());
  }

  /** As {@linkcode Host.stop}; a UDF that dies meanwhile is started once more. */
  async stop(drainTimeoutMs = 0): Promise<void> {
    this.#stopping = true;
    this.#endWaitForBatch();
    clearInterval(this.#timer);
    try {
      for (let attempt = 1;; attempt++) {
        await this.#ready();
        const host = this.#host!;
        try {
          await host.stop(drainTimeoutMs);
          this.#retire(host);
          return;
        } catch (error) {
          const hopeless = error instanceof TineError && error.code === "drain-timeout" || attempt === STOP_ATTEMPTS;
          if (hopeless) this.#giveUp(error);
          else this.#recover(host, error);
        }
      }
    } finally {
      // After a failure nothing may be left behind.
      for (const host of this.#live) await host.stop().catch(() => {});
    }
  }

  /** As {@linkcode Host.abort}. */
  abort(error: Error): void {
    this.#giveUp(error);
  }

  get #replayBufferBytes(): number {
    return this.#options.replayBufferBytes ?? 64 * 1024 * 1024;
  }

  #send(request: Request, points: number): Promise<void> | void {
    if (this.#failure !== undefined) throw this.#failure;
    const frames = this.#log.add(request);
    return this.#sent((host) => host.frames(frames, points));
  }

  /** Sends what was just added to the log, if the UDF is there; else it gets it with the rest of the log. */
  #sent(send: (host: Host) => Promise<void> | void): Promise<void> | void {
    if (this.#starting !== undefined) return this.#settle();
    const host = this.#host!;
    let full: Promise<void> | void;
    try {
      full = send(host);
    } catch (error) {
      this.#recover(host, error);
      return this.#settle();
    }
    // Only now: a snapshot that is asked for reflects what was sent before, and that is dropped from the log.
    const most = this.#replayBufferBytes;
    if (this.#log.bytes > most / 2) this.#saveSoon();
    if (full !== undefined) return this.#settle(host, full);
    if (this.#log.bytes > most) return this.#settle();
  }

  /** Waits until a request is on its way to the UDF, and there is room in the log for more. */
  async #settle(host?: Host, full?: Promise<void>): Promise<void> {
    try {
      await full;
    } catch (error) {
      this.#recover(host!, error);
    }
    await this.#ready();
    // A batch that is larger than the room has to be let through.
    if (this.#log.bytes > this.#replayBufferBytes && !this.#insideBatch) await this.#save();
  }

  /** Waits until the UDF is there. */
  async #ready(): Promise<void> {
    while (this.#starting !== undefined) await this.#starting;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #ask<T>(question: (host: Host) => Promise<T>): Promise<T> {
    for (;;) {
      await this.#ready();
      const host = this.#host!;
      try {
        return await question(host);
      } catch (error) {
        // A UDF that refuses its options is well.
        if (host.failure === undefined) throw error;
        this.#recover(host, error);
      }
    }
  }

  #saveSoon(): void {
    this.#saveDue = this.#insideBatch;
    if (this.#insideBatch || this.#starting !== undefined || this.#saving !== undefined) return;
    if (this.#init === undefined || this.#failure !== undefined) return;
    void this.#save().catch(() => {}); // what it meets is met again by whoever sends next
  }

  /** Takes a snapshot, and forgets the input that it reflects. */
  #save(): Promise<Uint8Array> {
    return this.#saving ??= this.#saveNow().finally(() => this.#saving = undefined);
  }

  async #saveNow(): Promise<Uint8Array> {
    for (;;) {
      if (this.#starting !== undefined) await this.#ready();
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#insideBatch) {
        this.#saveDue = true;
        return new Uint8Array();
      }
      const host = this.#host!;
      try {
        return await this.#saveFrom(host);
      } catch (error) {
        if (host.failure === undefined) throw error;
        this.#recover(host, error);
      }
    }
  }

  #saveFrom(host: Host): Promise<Uint8Array> {
    const mark = this.#log.mark();
    return host.snapshot((state) => {
      const points = this.#log.dropBefore(mark);
      this.#outputsSince = 0;
      this.#backoff.reset();
      if (state.length > 0) {
        this.#state = state;
        this.#unsaved = 0;
      } else {
        this.#unsaved += points;
      }
    });
  }

  /** Notes that the UDF has died, and starts it again; once for each death. */
  #recover(host: Host, error: unknown): void {
    if (host !== this.#host || this.#failure !== undefined) return;
    this.#host = undefined;
    this.#given = this.#log.points;
    this.#begin(this.#restart(host, messageOf(host.failure ?? error)));
  }

  async #restart(host: Host, reason: string): Promise<void> {
    // Its process, its group and its sockets must be gone before the next one comes.
    await this.#end(host);
    this.#counts.repeatedOutputs += this.#outputsSince;
    this.#counts.lostPoints += this.#unsaved;
    this.#outputsSince = this.#unsaved = 0;
    await this.#attach(reason);
  }

  async #end(host: Host): Promise<void> {
    host.kill();
    await host.stop().catch(() => {});
    this.#retire(host);
  }

  #retire(host: Host): void {
    if (this.#live.delete(host)) add(this.#totals, host.counts);
  }

  /** From now on the UDF is being started. */
  #begin(starting: Promise<void>): Promise<void> {
    return this.#starting = starting.catch((error) => {
      this.#giveUp(error);
      this.#starting = undefined;
    });
  }

  /** Reaches a UDF and gives it all that the last one had, as often as it takes. */
  async #attach(reason?: string): Promise<void> {
    for (;;) {
      if (reason !== undefined) {
        const delay = this.#backoff.next();
        if (delay === undefined) {
          const { failures } = this.#backoff;
          throw failures === 0 ? new TineError("udf-ended", reason) : new TineError(
            "gave-up",
            `the UDF was started again ${failures} times in a row and died each time: ${reason}`,
          );
        }
        this.#options.log?.(`the UDF died: ${reason}; starting it again in ${(delay / 1000).toFixed(2)} s`);
        await this.#pause(delay);
        if (this.#failure !== undefined) throw this.#failure;
        this.#counts.restarts++;
      }
      let host: Host | undefined;
      try {
        host = await this.#startHost();
        if (this.#init !== undefined) await host.init(this.#init);
        if (this.#state !== undefined) await host.restore(this.#state);
        await this.#takeOver(host, 0);
        if (this.#counts.restarts > 0) this.#saveSoon();
        return;
      } catch (error) {
        if (host !== undefined) await this.#end(host);
        if (this.#failure !== undefined) throw this.#failure;
        this.#counts.repeatedOutputs += this.#outputsSince;
        this.#outputsSince = 0;
        // A UDF that was never there, or refuses what it took before, will not do better.
        if (host === undefined && reason === undefined) throw error;
        reason = messageOf(error);
      }
    }
  }

  async #startHost(): Promise<Host> {
    const { onAbort: _, ...options } = this.#options;
    const peer = await this.#reach();
    if (this.#failure !== undefined) {
      peer.kill();
      await peer.close();
      throw this.#failure;
    }
    const host: Host = new Host(peer, this.#receiver, {
      ...options,
      onAbort: (error) => {
        if (this.#host === host) this.#recover(host, error);
      },
    });
    this.#live.add(host);
    host.start();
    if (this.#edge !== undefined) host.provides = this.#edge;
    return host;
  }

  /**
   * Sends a UDF the input in the log, also what comes meanwhile; from the moment in which it has all, it is the one
   * that is used.
   *
   * @param mark where to begin
   */
  async #takeOver(host: Host, mark: number): Promise<void> {
    let sent = 0;
    for (const segment of this.#log.segments(mark)) {
      let bytes = 0;
      let points = 0;
      while (bytes < segment.writer.position) {
        const piece = segment.writer.bytes.slice(bytes, segment.writer.position);
        const more = segment.points - points;
        bytes += piece.length;
        points += more;
        this.#counts.resentPoints += Math.max(0, Math.min(more, this.#given - sent));
        sent += more;
        const full = host.frames(piece, more);
        this.#given = Math.max(this.#given, sent);
        if (full !== undefined) await full;
      }
    }
    if (this.#failure !== undefined) throw this.#failure;
    // It may have died while nobody looked: from now on that is noticed.
    if (host.failure !== undefined) throw host.failure;
    // In the same turn as the last look at the log: nothing can have come in between.
    this.#host = host;
    this.#starting = undefined;
  }

  async #reloadSoon(): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined || this.#stopping) break;
      if (this.#insideBatch) await (this.#batchEnded ??= Promise.withResolvers()).promise;
      else if (this.#saving !== undefined) await this.#saving.catch(() => {});
      else if (this.#starting !== undefined) await this.#starting;
      else break;
    }
    this.#reloading = undefined; // what changes from now on needs another one
    const old = this.#host;
    if (this.#failure !== undefined || this.#stopping || old === undefined) return;
    // From now on input collects in the log, and the death of the old one is no reason to start it again.
    this.#host = undefined;
    await this.#begin(this.#replace(old));
  }

  async #replace(old: Host): Promise<void> {
    const mark = this.#log.mark();
    this.#given = this.#log.points;
    try {
      const state = await this.#saveFrom(old);
      this.#given = 0;
      const fresh = await this.#startVersion(old, state);
      if (fresh === undefined) return await this.#takeOver(old, mark);
      await old.stop(this.#options.timeoutMs ?? 10_000)
        .catch((error) => this.#options.log?.(`the old version did not end well: ${messageOf(error)}`));
      this.#retire(old);
      this.#outputsSince = this.#unsaved = 0;
      await this.#takeOver(fresh, mark);
      this.#options.log?.("the new version has taken over");
    } catch (error) {
      if (this.#failure !== undefined) throw this.#failure;
      for (const host of this.#live) if (host !== old) await this.#end(host);
      await this.#restart(old, messageOf(error));
    }
  }

  /** Starts a new version in the state of the old one, or empty where it refuses that; undefined: it does not start. */
  async #startVersion(old: Host, state: Uint8Array): Promise<Host | undefined> {
    let fresh: Host | undefined;
    const start = async () => {
      fresh = await this.#startHost();
      const { provides } = await fresh.info();
      if (this.#init !== undefined) await fresh.init(this.#init);
      this.#edge = provides;
      return fresh;
    };
    try {
      fresh = await start();
      if (state.length === 0) {
        this.#state = undefined;
        return fresh;
      }
      try {
        await fresh.restore(state);
      } catch (error) {
        this.#options.log?.(`the new version starts empty: ${messageOf(error)}`);
        if (fresh.failure !== undefined) {
          await this.#end(fresh);
          fresh = await start();
        }
        this.#state = undefined;
      }
      return fresh;
    } catch (error) {
      if (fresh !== undefined) await this.#end(fresh);
      if (old.failure !== undefined) throw old.failure;
      this.#options.log?.(`the new version does not start, the old one goes on: ${messageOf(error)}`);
    }
  }

  #endWaitForBatch(): void {
    this.#batchEnded?.resolve();
    this.#batchEnded = undefined;
  }

  async #pause(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, ms);
    await Promise.race([over.promise, this.#gaveUp.promise]);
    clearTimeout(timer);
  }

  #handOn(hand: () => Promise<void> | void): Promise<void> | void {
    try {
      return hand()?.catch((error) => this.#refuse(error));
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** What the UDF sends cannot be handed on: that is not its fault, and a restart would not help. */
  #refuse(error: unknown): never {
    this.#giveUp(error);
    throw error;
  }

  #giveUp(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error instanceof Error ? error : new Error(messageOf(error));
    clearInterval(this.#timer);
    this.#gaveUp.resolve();
    this.#endWaitForBatch();
    this.#options.onAbort?.(this.#failure);
    for (const host of this.#live) host.abort(this.#failure);
  }
}

/** Adds to the counts of all UDFs so far; what came in is counted where it comes in. */
function add(sum: HostCounts, { pointsOut, batchesOut, unasked, invalidStrings }: HostCounts): void {
  sum.pointsOut += pointsOut;
  sum.batchesOut += batchesOut;
  sum.unasked += unasked;
  sum.invalidStrings += invalidStrings;
}
