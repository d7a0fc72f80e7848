import { TineError } from "../base/errors.ts";
import { Kind, type Message, readFrame } from "../node/protocol/frame.ts";
import { decodeItem } from "../node/protocol/kinds.ts";
import { Watchdog } from "../node/process/watchdog.ts";
import { AppendFiles, Budget } from "../result/append_files.ts";
import type { LoggedLine } from "../result/read_logs.ts";
import { tableNamed } from "../result/tables/mod.ts";
import { type FollowedTable, RowFollower } from "../result/tables/row_follower.ts";
import { UDF_FOLDER, udfFileName } from "../result/udf_output.ts";
import { loadBundledHandler } from "../udf/handlers/mod.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import { type Connection, writeAll } from "../wire/connection.ts";
import { FrameReader } from "../wire/frame_reader.ts";
import { BridgedUdf } from "./bridged_udf.ts";
import type { BridgeEnd, BridgeReport, BridgeSetup } from "./messages.ts";
import { reachPlanUdf } from "./reach_udf.ts";

/** How often rows are made of what waits for the other end of a flow, in milliseconds. */
const SETTLE_MS = 25;
/** How often it is reported how far UDFs are, in milliseconds. */
const PROGRESS_MS = 500;
/** How long a socket that is not there yet is tried again, in milliseconds. */
const RETRY_MS = 10_000;

/**
 * Runs the UDFs of a test, as the root's process for them: makes rows of the messages that the root sends, drives the UDFs
 * with them and stores what they return. When the root is gone, all that it started is ended, and what was returned until
 * then is kept.
 *
 * @param connection to the root
 * @throws {TineError} for what the root must not send
 */
export async function serveBridge(connection: Connection): Promise<void> {
  const frames = new FrameReader(connection);
  const reader = new ByteReader();
  const first = await nextMessage(frames, reader);
  if (first?.kind !== Kind.setup) return;
  const setup = parse<BridgeSetup>(first);
  const reports = new Reports(connection);
  // It ends UDFs also where this process is killed, and those that left their process group.
  await using watchdog = new Watchdog();
  const files = new AppendFiles(setup.folder, new Budget(setup.folder, setup.maxBytes), setup.owner);
  const udfs = await makeUdfs(setup, files, watchdog, reports);
  const followers = followersOf(setup, udfs);
  for (const udf of udfs) udf.start();
  let end: BridgeEnd | undefined;
  const timer = setInterval(() => void settle(followers, false), SETTLE_MS);
  const progress = setInterval(() => {
    reports.add({ type: "progress", udfs: udfs.map(({ progress }) => progress) });
  }, PROGRESS_MS);
  try {
    for (let message; (message = await nextMessage(frames, reader, () => settle(followers, false))) !== undefined;) {
      if (message.kind === Kind.end) {
        end = parse<BridgeEnd>(message);
        break;
      }
      for (const follower of followers) await take(follower, message);
    }
  } finally {
    clearInterval(timer);
    clearInterval(progress);
    if (end === undefined) {
      const gone = new TineError("root-gone", "tine run has ended without having ended its UDFs");
      for (const udf of udfs) udf.abort(gone);
    } else await settle(followers, true);
    const { graceMs = 0, droppedSamples = [] } = end ?? {};
    await Promise.all(udfs.map((udf, i) => {
      udf.droppedSamples = droppedSamples[i] ?? 0;
      return udf.end(graceMs);
    }));
    await files.close().catch((error) => reports.add({ type: "log", udf: "", text: error.message }));
  }
  reports.add({ type: "ended", udfs: udfs.map(({ summary }) => summary) });
  await reports.written();
}

/**
 * Takes the next message.
 *
 * @param drained called when no further message is at hand
 * @returns undefined at the end
 */
async function nextMessage(
  frames: FrameReader,
  reader: ByteReader,
  drained?: () => Promise<void>,
): Promise<Message | undefined> {
  while (!frames.next()) {
    await drained?.();
    if (!await frames.fill()) return undefined;
  }
  return readFrame(reader.reset(frames.bytes, frames.start, frames.end));
}

function parse<T>({ payload }: Message): T {
  return JSON.parse(new TextDecoder().decode(payload));
}

/** A follower of the rows of some UDFs. */
interface Follower {
  readonly rows: RowFollower;
  readonly lines: LoggedLine[];
}

async function take({ rows, lines }: Follower, message: Message): Promise<void> {
  if (rows.has("lines") && (message.kind === Kind.log || message.kind === Kind.error)) {
    const item = decodeItem(message);
    if (item.type === "log") lines.push(item);
    else if (item.type === "error") {
      const { time, nodeId, tag, message: text, code } = item;
      lines.push({ time, nodeId, tag, text, error: code });
    }
    return;
  }
  rows.add(message, performance.now());
  await rows.write();
}

async function settle(followers: readonly Follower[], end: boolean): Promise<void> {
  for (const { rows, lines } of followers) {
    await rows.settle(performance.now(), end);
    if (lines.length > 0) await rows.addLines(lines.splice(0));
  }
}

/** One follower for all UDFs that want the same flows: samples are decoded once. */
function followersOf(
  { udfs: configs, run, id, idKeys, runners }: BridgeSetup,
  udfs: readonly BridgedUdf[],
): Follower[] {
  const tables = new Map<string | undefined, FollowedTable[]>();
  for (const [i, { table, flows }] of configs.entries()) {
    const source = { test: { path: "", summary: { id } }, run, idKeys, flows };
    const { live } = tableNamed(table)(source);
    if (live === undefined) throw new TineError("cannot-follow", `the table ${table} cannot be followed`);
    tables.set(flows, [...tables.get(flows) ?? [], { live, write: (rows) => udfs[i].rows(rows) }]);
  }
  return Array.from(tables, ([flows, tables]) => ({
    rows: new RowFollower(tables, flows, { runners: new Set(runners) }),
    lines: [],
  }));
}

async function makeUdfs(
  { udfs, run, id, idKeys }: BridgeSetup,
  files: AppendFiles,
  watchdog: Watchdog,
  reports: Reports,
): Promise<BridgedUdf[]> {
  return await Promise.all(udfs.map(async (config, i) => {
    const { name: udf, handler } = config;
    const file = files.add([UDF_FOLDER, udfFileName(i)]);
    return new BridgedUdf({
      config,
      bundled: handler === undefined ? undefined : await loadBundledHandler(handler),
      schema: tableNamed(config.table)({ test: { path: "", summary: { id } }, run, idKeys }),
      file,
      room: () => files.room(),
      reach: (options) => reachPlanUdf(config, { ...options, retryMs: RETRY_MS, watchdog }),
      log: (text) => reports.add({ type: "log", udf, text }),
      stop: (reason) => reports.add({ type: "stop", udf, reason }),
      failed: ({ code, message }) => reports.add({ type: "failed", udf, code, message }),
    });
  }));
}

/** Writes reports, one after another. */
class Reports {
  readonly #connection: Connection;
  #writing: Promise<void> = Promise.resolve();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  add(report: BridgeReport): void {
    const line = new TextEncoder().encode(JSON.stringify(report) + "\n");
    this.#writing = this.#writing.then(() => writeAll(this.#connection, line)).catch(() => {}); // the root is gone
  }

  /** Waits until all is written. */
  written(): Promise<void> {
    return this.#writing;
  }
}
