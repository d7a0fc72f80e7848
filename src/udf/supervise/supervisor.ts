import { Condition } from "../../base/condition.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { MAX_TIMER_MS, startLongTimer } from "../../base/time.ts";
import type { Batch } from "../batcher.ts";
import type { Host, HostCounts, HostOptions } from "../host.ts";
import type { BeginBatch, EndBatch, InfoResponse, Option, Request } from "../messages.ts";
import type { RunningUdf } from "../running_udf.ts";
import type { Point } from "../point.ts";
import type { Receiver } from "../response_taker.ts";
import type { BackoffOptions } from "../../base/backoff.ts";
import { Hosts } from "./hosts.ts";
import type { PoisonOptions } from "./poison_search.ts";
import { type ReplayCounts, type ReplayLog, RestartState } from "./restart_state.ts";
import { SnapshotTaker } from "./snapshot_taker.ts";
import { replaceUdf, Starter, watchReceiver } from "./starter.ts";

/** The ends of UDFs after which another start would not help. */
const POINTLESS = ["drain-timeout", "bad-exit", "frame-too-large"];

/** How often a UDF is started again that dies after the end of its input. */
const STOP_ATTEMPTS = 3;

/** How a UDF is supervised; each has a default. */
export interface SupervisorOptions extends Omit<HostOptions, "onKill"> {
  /** How often a UDF that dies is started again, and when. */
  backoff?: BackoffOptions;
  /** How often its state is saved, in ms; default 10,000. */
  snapshotIntervalMs?: number;
  /** Leave out what a UDF sends a second time after a restart, as a deterministic one does. */
  dedupe?: boolean;
  /** What becomes of points at which the UDF dies each time; left out: it gets them again, until it is given up. */
  poison?: PoisonOptions;
  /** How much input is kept to be sent again, in bytes; default 64 MiB. */
  replayBufferBytes?: number;
}

/** What supervision did. */
export interface SupervisorCounts extends ReplayCounts {
  /** How often the UDF was started again. */
  restarts: number;
  /** Points that it was spared, since it died at them each time. */
  poisonPoints: number;
}

/**
 * A host whose UDF may die: it is started again and gets the options, its last state, and all input since.
 *
 * Snapshots are taken between batches every so often, and when much input has collected. What the UDF has sent since
 * its last snapshot comes again after a restart; {@linkcode Supervisor.supervision} counts it.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #replayBufferBytes: number;
  readonly #restartState: RestartState;
  readonly #log: ReplayLog;
  readonly #hosts: Hosts;
  readonly #starter: Starter;
  readonly #taker: SnapshotTaker;
  /** Aborted when the UDF is given up, with the reason. */
  readonly #givingUp = new AbortController();
  /** Settles then. */
  readonly #givenUp = Promise.withResolvers<void>();
  #pointsIn = 0;
  #batchesIn = 0;
  /** The host in use. */
  #host: Host | undefined;
  /** While the UDF is being started: settles when it is there again. */
  #starting: Promise<void> | undefined;
  #saving: Promise<Uint8Array> | undefined;
  #saveDue = false;
  #insideBatch = false;
  /** While a reload waits for its turn: further ones are the same. */
  #reloading: Promise<void> | undefined;
  /** Settles at the end of a batch, for calls that wait for it. */
  readonly #batchEnded = new Condition();
  #stopping = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Ends the UDF some time after the end of its input. */
  #drainTimer: Disposable | undefined;
  /** Watches the UDF once its input has ended. */
  #silenceTimer: ReturnType<typeof setInterval> | undefined;
  #failure: Error | undefined;

  /**
   * @param reach starts or connects to the UDF, each time anew
   * @param receiver gets what the UDF sends
   */
  constructor(reach: () => Promise<RunningUdf>, receiver: Receiver, options: SupervisorOptions = {}) {
    this.#options = options;
    this.#replayBufferBytes = options.replayBufferBytes ?? 64 * 1024 * 1024;
    this.#restartState = new RestartState({ dedupe: options.dedupe });
    this.#log = this.#restartState.log;
    const { signal } = this.#givingUp;
    this.#hosts = new Hosts({
      reach,
      receiver: watchReceiver(receiver, {
        sent: (points) => this.#restartState.sent(points),
        // That is not the fault of the UDF, and a restart would not help.
        refused: (error) => this.#giveUp(error),
        repeats: this.#restartState.repeats,
      }),
      host: options,
      onDeath: (host, error) => this.#isPointless(error) ? this.#giveUp(error) : this.#recover(host, error),
      signal,
    });
    this.#taker = new SnapshotTaker({
      restartState: this.#restartState,
      timeoutMs: options.timeoutMs,
      works: () => this.#starter.works(),
      insideBatch: () => this.#insideBatch,
      log: options.log,
    });
    this.#starter = new Starter(this.#hosts, this.#restartState, { ...options, taker: this.#taker, signal });
  }

  /** What supervision did so far. */
  get supervision(): SupervisorCounts {
    const { restarts, poisonPoints } = this.#starter;
    return { restarts, poisonPoints, ...this.#restartState.counts };
  }

  /** What went through, over all restarts; points that were sent again count once. */
  get counts(): HostCounts {
    const { pointsOut, batchesOut, unasked, invalidStrings } = this.#hosts.counts;
    return { pointsIn: this.#pointsIn, pointsOut, batchesIn: this.#batchesIn, batchesOut, unasked, invalidStrings };
  }

  /** Why it was given up, once it was. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Starts the UDF. */
  start(): void {
    if (this.#starting !== undefined || this.#host !== undefined) return;
    this.#begin(this.#start());
    const { snapshotIntervalMs = 10_000 } = this.#options;
    this.#timer = setInterval(() => this.#saveSoon(), Math.min(snapshotIntervalMs, MAX_TIMER_MS));
    Deno.unrefTimer(Number(this.#timer));
  }

  /** As {@linkcode Host.info}. */
  async info(): Promise<InfoResponse> {
    const info = await this.#ask((host) => host.info());
    this.#restartState.edge = info.provides;
    return info;
  }

  /** As {@linkcode Host.init}; a UDF that is started again gets the same options. */
  async init(options: Option[]): Promise<void> {
    await this.#ask((host) => host.init(options));
    this.#restartState.options = options;
  }

  /** As {@linkcode Host.restore}. */
  async restore(state: Uint8Array): Promise<void> {
    if (this.#saving !== undefined) await this.#saving.catch(() => {});
    const mark = this.#log.mark();
    await this.#ask((host) => host.restore(state));
    this.#restartState.restored(mark, state);
  }

  /** As {@linkcode Host.snapshot}. */
  async snapshot(): Promise<Uint8Array> {
    // One that is being taken does not reflect what was sent after it had been asked for.
    if (this.#saving !== undefined) await this.#saving.catch(() => {});
    if (this.#insideBatch || this.#restartState.options === undefined) {
      return this.#taker.stopped ? new Uint8Array() : await this.#ask((host) => host.snapshot());
    }
    return await this.#save(true);
  }

  /** Sends a point; the promise, where there is one, must be waited for. */
  point(point: Point): Promise<void> | void {
    this.#pointsIn++;
    return this.#send({ kind: "point", point }, 1);
  }

  /** Sends a point that is encoded, as {@linkcode FrameTaker.pointFrame} has it. */
  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#pointsIn++;
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
    this.#batchesIn++;
    const sent = this.#send({ kind: "end", end }, 0);
    if (this.#saveDue) this.#saveSoon();
    this.#batchEnded.notify();
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

  /**
   * As {@linkcode Host.stop}; a UDF that dies before it has handled all of its input is started once more. One that has
   * handled all is not, however it ends: its output would come a second time.
   *
   * @param silenceMs how long the UDF may send nothing, in ms, then it is given up and ended by force; 0: for ever
   */
  async stop(drainTimeoutMs = 0, silenceMs = 0): Promise<void> {
    this.#stopping = true;
    this.#batchEnded.notify();
    clearInterval(this.#timer);
    this.expectEnd({ silenceMs });
    try {
      for (let attempt = 1, found = 0;; attempt++) {
        await this.#ready();
        // Without a point at which it died, it gets further than before.
        if (this.#starter.poisonPoints > found) attempt = 1;
        found = this.#starter.poisonPoints;
        const host = this.#host!;
        try {
          await host.stop(drainTimeoutMs);
          this.#hosts.retire(host);
          return;
        } catch (error) {
          if (this.#isPointless(error) || attempt === STOP_ATTEMPTS) this.#giveUp(error);
          else this.#recover(host, error);
        }
      }
    } finally {
      clearInterval(this.#silenceTimer);
      this.#drainTimer?.[Symbol.dispose]();
      // After a failure nothing may be left behind.
      await this.#hosts.stop();
    }
  }

  /**
   * The input has ended, though the UDF may not have taken all of it: one that sends nothing for this long, or does not
   * end within a time, is given up and ended by force. Each counts from the first call that names it.
   *
   * @param limits in ms; 0: never
   */
  expectEnd({ silenceMs = 0, drainMs = 0 }: { silenceMs?: number; drainMs?: number }): void {
    if (this.#failure !== undefined) return;
    if (drainMs > 0) {
      this.#drainTimer ??= startLongTimer(drainMs, () => {
        const message = `the UDF did not end within ${drainMs / 1000} s after the end of its input`;
        this.#giveUp(new TineError("drain-timeout", message));
      });
    }
    if (silenceMs === 0 || this.#silenceTimer !== undefined) return;
    const began = performance.now();
    this.#silenceTimer = setInterval(() => {
      if (Math.min(performance.now() - began, this.#hosts.silenceMs) < silenceMs) return;
      clearInterval(this.#silenceTimer);
      this.#giveUp(
        new TineError("drain-timeout", `the UDF sent nothing for ${silenceMs / 1000} s after the end of its input`),
      );
    }, Math.min(silenceMs / 10, 250));
  }

  /** As {@linkcode Host.abort}. */
  abort(error: Error): void {
    this.#giveUp(error);
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

  /** Waits until the UDF is there, or is given up. */
  async #ready(): Promise<void> {
    while (this.#starting !== undefined && this.#failure === undefined) {
      await Promise.race([this.#starting, this.#givenUp.promise]);
    }
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
    if (this.#restartState.options === undefined || this.#failure !== undefined) return;
    void this.#save().catch(() => {}); // the next call that sends meets the same
  }

  /**
   * Takes a snapshot, and forgets the input that it reflects.
   *
   * @param wanted whether somebody asks for it; where not, and the UDF is not started again, its state is of no use
   */
  #save(wanted = false): Promise<Uint8Array> {
    return this.#saving ??= this.#saveNow(wanted).finally(() => this.#saving = undefined);
  }

  async #saveNow(wanted: boolean): Promise<Uint8Array> {
    for (;;) {
      if (this.#starting !== undefined) await this.#ready();
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#insideBatch) {
        this.#saveDue = true;
        return new Uint8Array();
      }
      const host = this.#host!;
      try {
        const isOfUse = wanted || this.#options.backoff?.limit !== 0;
        const state = await (isOfUse ? this.#taker.take(host, wanted) : this.#taker.pass(host));
        this.#saveDue ||= this.#insideBatch;
        return state;
      } catch (error) {
        if (host.failure === undefined) throw error;
        this.#recover(host, error);
      }
    }
  }

  /** Notes that the UDF has died, and starts it again; once for each death. */
  #recover(host: Host, error: unknown): void {
    if (host !== this.#host || this.#failure !== undefined) return;
    this.#host = undefined;
    this.#taker.died(host);
    this.#restartState.allGiven();
    this.#begin(this.#restart(host, messageOf(host.failure ?? error)));
  }

  async #restart(host: Host, reason: string): Promise<void> {
    await this.#hosts.end(host);
    this.#restartState.died();
    await this.#start(reason);
  }

  /** From now on the UDF is being started. */
  #begin(starting: Promise<void>): Promise<void> {
    return this.#starting = starting.catch((error) => {
      this.#giveUp(error);
      this.#starting = undefined;
    });
  }

  async #start(reason?: string): Promise<void> {
    await this.#starter.start((host) => this.#use(host), reason);
    if (this.#starter.restarts > 0) this.#saveSoon();
  }

  /** From now on, a host that has got all input is used. */
  #use(host: Host): void {
    if (this.#failure !== undefined) throw this.#failure;
    // It may have died unnoticed: from now on its death is seen.
    if (host.failure !== undefined) throw host.failure;
    this.#host = host;
    this.#starting = undefined;
  }

  async #reloadSoon(): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined || this.#stopping) break;
      if (this.#insideBatch) await this.#batchEnded.wait();
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
    try {
      await replaceUdf(old, {
        hosts: this.#hosts,
        restartState: this.#restartState,
        timeoutMs: this.#options.timeoutMs ?? 10_000,
        log: this.#options.log,
        save: () => this.#taker.take(old, true),
        use: (host) => this.#use(host),
      });
    } catch (error) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#hosts.endOthers(old);
      await this.#restart(old, messageOf(error));
    }
  }

  /** Whether another start would not help. */
  #isPointless(error: unknown): boolean {
    if (!(error instanceof TineError)) return false;
    // The host has ended the input and waits for the end, and what makes a UDF hang may come again.
    return POINTLESS.includes(error.code) || error.code === "keepalive-timeout" && this.#silenceTimer !== undefined;
  }

  #giveUp(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error instanceof Error ? error : new Error(messageOf(error));
    clearInterval(this.#timer);
    clearInterval(this.#silenceTimer);
    this.#drainTimer?.[Symbol.dispose]();
    this.#givingUp.abort(this.#failure);
    this.#givenUp.resolve();
    this.#batchEnded.notify();
    this.#options.onAbort?.(this.#failure);
    this.#hosts.abort(this.#failure);
    // A caller that waits for the end must not wait for a UDF that hangs.
    if (this.#silenceTimer !== undefined || this.#drainTimer !== undefined) this.#hosts.kill();
  }
}
