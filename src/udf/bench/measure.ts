import type { PointOrBatch } from "../batcher.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { listProcesses, readProcess } from "../../base/process_table.ts";
import { formatCount } from "../../base/units.ts";
import { fieldNames } from "../check/data.ts";
import type { InfoResponse, Option } from "../messages.ts";
import { describeOptions, parseSettings } from "../option_settings.ts";
import type { RunningUdf } from "../running_udf.ts";
import { BenchSession } from "./bench_session.ts";
import { generateUnits } from "./generate.ts";
import { Load } from "./load.ts";

/** What is measured, and for how long. */
export interface MeasureOptions {
  /** Reaches a fresh UDF: a new process, or a new connection. */
  connect(): Promise<RunningUdf>;
  /** Options as people write them, `name=value`. */
  settings: readonly string[];
  /** Points of one's own, once it is known what the UDF wants; absent: generated ones. */
  data?: (info: InfoResponse) => Promise<PointOrBatch[]>;
  /** The numbers of groups after which memory is looked at, ascending. Points of one's own have their own groups. */
  groups: readonly number[];
  /** Points of each of these groups, or batches of up to 10 points. */
  pointsPerGroup: number;
  /** Points of a generated batch. */
  batchSize: number;
  /** How long a repeat may feed the UDF for speed, in ms. */
  speedMs: number;
  /** How long a number of groups may take, in ms. */
  groupsMs: number;
  /** How long the UDF may be silent, without progress, or on its way to its end, in ms. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Gets the phase that begins. */
  onPhase?: (phase: string) => void;
}

/** The memory of a UDF that has seen a number of groups. */
export interface GroupMemory {
  readonly groups: number;
  /** Points that it was sent. */
  readonly points: number;
  /** RSS of its process and all that it has started, in bytes. */
  readonly bytes: number;
}

/** What was measured in one repeat: what is absent was not measured. */
export interface Measurement {
  info?: InfoResponse;
  /** From the start of the process, or of the connection, to the answer to info, in ms. */
  startMs?: number;
  /** Whether each point, or batch, has exactly one answer. */
  answersEach?: boolean;
  pointsPerSecond?: number;
  /** Round trips with one point, or batch, in flight, in ms. */
  tripsMs?: number[];
  memory?: GroupMemory[];
  /** Numbers of groups that took too long. */
  missedGroups?: number[];
  /** The state after the last number of groups; empty where the UDF has none. */
  snapshot?: { readonly groups: number; readonly bytes: number; readonly ms: number; restoreMs?: number };
}

/** A failure of a UDF: the message begins with what it was doing. */
export class UdfFailure extends TineError {
  override name = "UdfFailure";
}

/** The shares of a repeat's time for speed: to warm up, one point in flight, as many as the UDF takes. */
const WARM_UP = 0.2, ONE_IN_FLIGHT = 0.3, FLOOD = 0.5;
/** Groups, and points or batches, of the load for speed. */
const SPEED_GROUPS = 100, SPEED_POINTS = 10_000, SPEED_BATCHES = 100;
/**
 * Points of a batch where there are many: batches of one point are a case of their own, which some UDFs do not survive.
 */
const MAX_IN_SMALL_BATCH = 10;
/** Points, or batches, sent one by one to see whether each is answered. */
const PROBES = 20;
/** Round trips kept at most, and the share that is dropped as warm-up. */
const MAX_TRIPS = 100_000, FIRST_TRIPS = 0.1;
/** The maximum length of a piece that is sent at a time, in bytes. */
const PIECE_BYTES = 64 * 1024;
/** The time in which a UDF handles what is in flight, in ms. */
const IN_FLIGHT_MS = 100;
const MAX_IN_FLIGHT = 1 << 16;
/** How long an answer that is missing while others come is waited for, in ms. */
const LAST_ANSWER_MS = 250;

/**
 * Measures a UDF once: speed, then memory and snapshot, then restore, each with a fresh UDF.
 *
 * @param measured gets what is measured, as it is measured: it stays where the UDF fails
 * @throws {UdfFailure} why the UDF failed
 * @throws {TineError} `bad-option`; what `data` throws; the signal's reason
 */
export async function measure(options: MeasureOptions, measured: Measurement): Promise<void> {
  const repeat = new Repeat(options, measured);
  await repeat.speed();
  const snapshot = await repeat.memory();
  if (snapshot !== undefined && snapshot.length > 0) await repeat.restore(snapshot);
}

class Repeat {
  readonly #options: MeasureOptions;
  readonly #measured: Measurement;
  #phase = "";
  #uses: Option[] = [];
  #dataError: unknown;
  #load: Load | undefined;
  #inFlight = 1;

  constructor(options: MeasureOptions, measured: Measurement) {
    this.#options = options;
    this.#measured = measured;
  }

  async speed(): Promise<void> {
    const { speedMs } = this.#options;
    await this.#with("start", async (session, info) => {
      this.#enter("warm-up");
      const load = this.#load = await this.#speedLoad(info);
      await this.#flood(session, load, { ms: speedMs * WARM_UP, byAnswers: false });
      this.#enter("round trip");
      const tripsMs = await this.#answersEach(session, load, speedMs * ONE_IN_FLIGHT)
        ? await this.#trips(session, load, speedMs * ONE_IN_FLIGHT)
        : undefined;
      this.#measured.answersEach = tripsMs !== undefined;
      if (tripsMs !== undefined) this.#measured.tripsMs = tripsMs;
      this.#enter("points/s");
      const byAnswers = this.#measured.answersEach;
      const { points, ms } = await this.#flood(session, load, { ms: speedMs * FLOOD, byAnswers });
      if (points > 0) this.#measured.pointsPerSecond = points / ms * 1000;
    });
  }

  /** @returns the UDF's state at the end; undefined where no number of groups was reached */
  async memory(): Promise<Uint8Array | undefined> {
    const { pointsPerGroup, batchSize, groupsMs, data } = this.#options;
    const missed = this.#measured.missedGroups ??= [];
    const numbers = data === undefined
      ? this.#options.groups.filter((groups) => !missed.includes(groups))
      : [this.#load!.groups];
    if (numbers.length === 0) return undefined;
    return await this.#with("memory", async (session, info, pid) => {
      const memory: GroupMemory[] = [];
      const look = (groups: number, points: number) => {
        const bytes = pid === undefined ? undefined : residentBytes(pid);
        if (bytes !== undefined) memory.push({ groups, points, bytes });
        if (memory.length > 0) this.#measured.memory = memory;
      };
      look(0, 0);
      let sent = 0;
      let reached = 0;
      for (const groups of numbers) {
        this.#enter(`memory of ${formatCount(groups, "group")}`);
        const shape = { groups, points: groups * pointsPerGroup, fields: this.#fields() };
        const load = data === undefined
          ? new Load(generateUnits(info.wants, shape, Math.min(batchSize, MAX_IN_SMALL_BATCH)))
          : new Load(await data(info));
        const { points, units } = await this.#flood(session, load, {
          ms: groupsMs,
          units: load.units,
          byAnswers: false,
        });
        if (units < load.units) {
          missed.push(groups);
          break;
        }
        look(groups, sent += points);
        reached = groups;
      }
      if (reached === 0) return undefined;
      this.#enter("snapshot");
      const started = performance.now();
      const snapshot = await session.snapshot();
      const ms = performance.now() - started;
      this.#measured.snapshot = { groups: reached, bytes: snapshot.length, ms };
      return snapshot;
    });
  }

  async restore(snapshot: Uint8Array): Promise<void> {
    await this.#with("restore", async (session) => {
      const started = performance.now();
      await session.restore(snapshot);
      this.#measured.snapshot!.restoreMs = performance.now() - started;
    });
  }

  #enter(phase: string): void {
    this.#phase = phase;
    this.#options.onPhase?.(phase);
  }

  /** Runs `use` with a fresh UDF that has got its options, and ends the UDF in order. */
  async #with<T>(
    phase: string,
    use: (session: BenchSession, info: InfoResponse, pid: number | undefined) => Promise<T>,
  ): Promise<T> {
    const { connect, settings, timeoutMs, signal } = this.#options;
    this.#enter(phase);
    const started = performance.now();
    let session: BenchSession | undefined;
    try {
      const udf = await connect();
      session = new BenchSession(udf, timeoutMs, signal);
      const info = await session.info();
      if (this.#measured.info === undefined) {
        this.#measured.info = info;
        this.#measured.startMs = performance.now() - started;
      }
      const uses = this.#uses = parseSettings(settings, info);
      await session.init(uses).catch((error) => {
        throw error instanceof TineError && error.code === "init-failed"
          ? new TineError(error.code, `${error.message} (${describeOptions(info)})`, { cause: error })
          : error;
      });
      const result = await use(session, info, udf.pid);
      await session.finish();
      return result;
    } catch (error) {
      await session?.abandon();
      signal?.throwIfAborted();
      if (!(error instanceof TineError) || error.code === "bad-option" || error === this.#dataError) throw error;
      throw new UdfFailure(error.code, `${this.#phase}: ${messageOf(error)}`, { cause: error });
    }
  }

  #fields(): string[] {
    return fieldNames(this.#uses);
  }

  async #speedLoad(info: InfoResponse): Promise<Load> {
    const { data, batchSize } = this.#options;
    if (data !== undefined) {
      try {
        return new Load(await data(info));
      } catch (error) {
        this.#dataError = error;
        throw error;
      }
    }
    const points = info.wants === "batch" ? SPEED_BATCHES : SPEED_POINTS;
    return new Load(generateUnits(info.wants, { groups: SPEED_GROUPS, points, fields: this.#fields() }, batchSize));
  }

  /** Whether each of the next units has exactly one answer, and soon. */
  async #answersEach(session: BenchSession, load: Load, ms: number): Promise<boolean> {
    const end = performance.now() + ms;
    for (let i = 0; i < PROBES && (i === 0 || performance.now() < end); i++) {
      const expected = session.answers + 1;
      await session.send(load.take(1));
      await session.keepalive();
      await session.until(() => session.openKeepalives === 0);
      // Go's agent has another thread for its answers: that to a keepalive may overtake them.
      if (session.answers < expected) await session.answersWithin(LAST_ANSWER_MS, expected);
      if (session.answers !== expected) return false;
    }
    return true;
  }

  /** @returns undefined where a unit has no answer after all */
  async #trips(session: BenchSession, load: Load, ms: number): Promise<number[] | undefined> {
    const trips: number[] = [];
    const end = performance.now() + ms;
    do {
      const piece = load.take(1);
      const expected = session.answers + 1;
      let asked = false;
      const timer = setTimeout(() => {
        asked = true;
        session.keepalive().catch(() => {}); // until() has the reason
      }, LAST_ANSWER_MS);
      const started = performance.now();
      await session.send(piece);
      await session.until(() => session.answers >= expected || asked && session.openKeepalives === 0);
      trips.push(performance.now() - started);
      clearTimeout(timer);
      if (session.answers < expected) return undefined;
    } while (performance.now() < end && trips.length < MAX_TRIPS);
    return trips.slice(Math.floor(trips.length * FIRST_TRIPS));
  }

  /**
   * Sends as much as the UDF takes, and waits until all is handled.
   *
   * What is in flight grows to what the UDF handles within a tenth of a second, so that a slow one is not left with
   * more than it can end in time.
   *
   * @param limit `ms`: how long it sends, one piece at least; `units`: how many at most; `byAnswers`: units that have
   * an answer count, else those before keepalives that are answered
   * @returns what counts, and the time from the first unit to the end of the last one, in ms
   */
  async #flood(
    session: BenchSession,
    load: Load,
    { ms, units: most = Infinity, byAnswers }: { ms: number; units?: number; byAnswers: boolean },
  ): Promise<{ points: number; units: number; ms: number }> {
    const firstAnswer = session.answers;
    /** Units up to each keepalive that is not answered. */
    const open: number[] = [];
    let [sent, points, confirmed] = [0, 0, 0];
    const answered = () => session.answers - firstAnswer;
    const handled = () => {
      while (open.length > session.openKeepalives) confirmed = open.shift()!;
      return byAnswers ? Math.max(confirmed, answered()) : confirmed;
    };
    const started = performance.now();
    let window = { since: started, until: this.#inFlight };
    do {
      const enough = sent - this.#inFlight / 2;
      if (sent > 0 && handled() <= enough) await session.until(() => handled() > enough);
      if (handled() >= window.until) window = this.#adapt(window.since, sent);
      const room = this.#inFlight - (sent - handled());
      const piece = load.take(Math.max(1, Math.min(room, most - sent)), PIECE_BYTES);
      await session.send(piece);
      sent += piece.units;
      points += piece.points;
      open.push(sent);
      await session.keepalive();
    } while (sent < most && performance.now() < started + ms);
    await session.until(() => handled() >= sent);
    if (byAnswers) await this.#lastAnswers(session, firstAnswer + sent);
    const units = byAnswers ? answered() : sent;
    return { points: points * units / sent, units, ms: performance.now() - started };
  }

  /** Doubles what is in flight where the UDF handled it quickly, halves it where it took long. */
  #adapt(since: number, sent: number): { since: number; until: number } {
    const now = performance.now();
    const took = now - since;
    if (took < IN_FLIGHT_MS / 2) this.#inFlight = Math.min(this.#inFlight * 2, MAX_IN_FLIGHT);
    else if (took > 2 * IN_FLIGHT_MS) this.#inFlight = Math.max(1, this.#inFlight >> 1);
    return { since: now, until: sent + this.#inFlight };
  }

  /** Waits until all units that have been handled have an answer, or no more comes. */
  async #lastAnswers(session: BenchSession, expected: number): Promise<void> {
    for (let before = -1; session.answers < expected && before !== session.answers;) {
      before = session.answers;
      await session.answersWithin(LAST_ANSWER_MS, expected);
    }
  }
}

/**
 * Returns the resident memory (RSS) of a process and all that it has started, in bytes. Pages that they share count in
 * each of them.
 *
 * @returns undefined where the system has no /proc, or the process has ended
 */
function residentBytes(pid: number): number | undefined {
  const processes = listProcesses();
  if (!processes.some((one) => one.pid === pid)) return undefined;
  const family = new Set([pid]);
  for (let before = 0; before < family.size;) {
    before = family.size;
    // Orphans are still in the group.
    for (const one of processes) if (family.has(one.parent) || one.group === pid) family.add(one.pid);
  }
  const ownBytes = (pid: number) =>
    1024 * Number(/^VmRSS:\s*(\d+) kB/m.exec(readProcess(pid, "status") ?? "")?.[1] ?? 0);
  return [...family].reduce((sum, id) => sum + ownBytes(id), 0);
}
