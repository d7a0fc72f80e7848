import type { SupervisorCounts, SupervisorOptions } from "../../udf/supervise/supervisor.ts";
import { TineError } from "../../base/errors.ts";
import { formatCount } from "../../base/units.ts";
import { whyNotWritten } from "../../result/store_error.ts";
import { JsonLinesWriter } from "../../udf/format/json_lines_writer.ts";
import { TextWriter } from "../../wire/text_writer.ts";
import type { Request } from "../../udf/messages.ts";
import { choice, duration, flag, integer, section, size, text } from "../flags.ts";

const SUPERVISED = ["restart", "watch"];

/** Whether and how a UDF that dies is started again. */
export const supervisionFlags = section("Restarts", {
  restart: flag({ help: "start a UDF that dies again, with its state and the input since" }),
  restartLimit: integer({
    min: 1,
    default: 10,
    goesWith: SUPERVISED,
    help: "give up after this many deaths in a row",
  }),
  snapshotInterval: duration({
    default: 10_000,
    goesWith: SUPERVISED,
    help: "save the state this often",
  }),
  onPoison: choice(["stop", "skip"], {
    goesWith: SUPERVISED,
    help: "what to do about a point at which the UDF dies each time; it is written to --poison-file (default: neither)",
  }),
  poisonFile: text({
    value: "FILE",
    complete: "file",
    default: "poison_points.jsonl",
    goesWith: ["onPoison"],
    help: "with --on-poison: where such points are added, for tine host --input",
  }),
  dedupe: flag({
    goesWith: SUPERVISED,
    help: "leave out what a UDF sends a second time after a restart",
  }),
  replayBuffer: size({
    min: 1,
    default: 64 * 2 ** 20,
    goesWith: SUPERVISED,
    help: "input kept to be sent again",
  }),
});

/** The flags above, as the command line gave them. */
export interface SupervisionFlagValues {
  readonly restart: boolean;
  readonly restartLimit: number;
  readonly snapshotInterval: number;
  readonly replayBuffer: number;
  readonly dedupe: boolean;
  readonly onPoison?: "stop" | "skip";
  readonly poisonFile: string;
}

/** Returns how a UDF is supervised by these flags. */
export function supervisorOptions(flags: SupervisionFlagValues): SupervisorOptions {
  return {
    backoff: { limit: flags.restart ? flags.restartLimit : 0 },
    snapshotIntervalMs: flags.snapshotInterval,
    replayBufferBytes: flags.replayBuffer,
    dedupe: flags.dedupe,
    ...flags.onPoison &&
      { poison: { action: flags.onPoison, keep: (requests) => keepRequests(flags.poisonFile, requests) } },
  };
}

/** Adds points and batches to a file, as JSON lines. */
function keepRequests(path: string, requests: readonly Request[]): void {
  const writer = new JsonLinesWriter();
  try {
    using file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    const lines = new TextWriter();
    for (const request of requests) {
      if (request.kind === "point") writer.point(request.point, lines);
      else if (request.kind === "begin") writer.begin(request.begin, lines);
      else if (request.kind === "end") writer.end(request.end, lines);
    }
    for (let rest = lines.take(); rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
  } catch (cause) {
    throw new TineError(
      "cannot-write",
      `cannot write points at which the UDF dies to ${path}: ${whyNotWritten(cause)}`,
      {
        cause,
      },
    );
  }
}

/** What supervision did, in one sentence; undefined where nothing had to be done. */
export function describeSupervision(counts: SupervisorCounts): string | undefined {
  const { restarts, resentPoints, repeatedOutputs, dedupedOutputs, lostPoints, poisonPoints } = counts;
  if (restarts === 0) return undefined;
  return `restarted ${restarts} ${restarts === 1 ? "time" : "times"}: ${resentPoints} points sent again, ` +
    `${repeatedOutputs} outputs may repeat, ` +
    (dedupedOutputs > 0 ? `${dedupedOutputs} were not repeated, ` : "") +
    `${lostPoints} points lost from the state` +
    (poisonPoints > 0 ? `, ${formatCount(poisonPoints, "point")} left out, at which it dies` : "");
}
