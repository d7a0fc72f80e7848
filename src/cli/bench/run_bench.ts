import type { PointOrBatch } from "../../udf/batcher.ts";
import { TineError } from "../../base/errors.ts";
import { splitCommand } from "../../base/shell_words.ts";
import { selfCommand } from "../../node/launch/executable.ts";
import type { EdgeType, InfoResponse } from "../../udf/messages.ts";
import { measure, type Measurement, type MeasureOptions, UdfFailure } from "../../udf/bench/mod.ts";
import { BUNDLED_HANDLERS, isModulePath } from "../../udf/handlers/mod.ts";
import type { RunningUdf } from "../../udf/running_udf.ts";
import { startProcess } from "../../udf/udf_process.ts";
import { UsageError } from "../errors.ts";
import { onInterrupt } from "../interrupts.ts";
import { moduleOptions } from "../module_flags.ts";
import { ProgressLine } from "../progress.ts";
import { readUnits } from "../udf/read_units.ts";
import { describeTarget } from "../udf/recordings.ts";
import { escape, style, writeStdout } from "../terminal.ts";
import { checkTarget, reachUdf, type Target } from "../udf/target.ts";
import type { BenchFlags } from "./bench.ts";
import { type BenchResults, renderJson, renderRepeat, renderText, type Side } from "./render.ts";

/** Points of one's own that are used: they are encoded ahead, and sent again and again. */
const MAX_POINTS = 100_000;
/** The share of a repeat's time that goes to speed; the rest is for starts, memory and snapshots. */
const SPEED_SHARE = 0.75;
/** How long a number of groups may take, as a share of the time of a UDF, and at least, in ms. */
const GROUPS_SHARE = 0.3, MIN_GROUPS_MS = 1_000;
/** A machine with more processes that want a processor, for each that it has, is busy. */
const BUSY = 0.5;

/**
 * Measures one UDF, or two in turn, and prints what was measured, also where it is interrupted or a UDF fails.
 *
 * @returns the exit code
 * @throws {TineError} why a UDF failed
 */
export async function runBench(flags: BenchFlags, target: Target): Promise<number> {
  const ending = new AbortController();
  using interrupts = onInterrupt(
    () => ending.abort(new TineError("interrupted", "it was interrupted")),
    () => Deno.exit(130),
  );
  let phase = "";
  const sides = sidesOf(flags, target, ending.signal, (text) => phase = text);
  const warnings = busyMachine();
  const results = (): BenchResults => ({ sides, alpha: flags.alpha, warnings, ownInput: flags.input.length > 0 });
  if (!flags.json) {
    for (const warning of warnings) {
      console.error(style(Deno.stderr).yellow(`tine bench: ${warning}`));
    }
  }
  let failure: { error: unknown } | undefined;
  {
    using progress = new ProgressLine(() => phase);
    try {
      for (let repeat = 1; repeat <= flags.repeats; repeat++) {
        // Every other time the second one goes first, so that what drifts drifts for both.
        for (const side of repeat % 2 === 1 ? sides : sides.toReversed()) {
          await measureSide(side, repeat, flags.repeats);
          if (!flags.json) continue;
          progress.clear();
          await writeStdout(renderRepeat(side, repeat));
        }
      }
    } catch (error) {
      failure = { error };
    }
  }
  const isEmpty = sides.every(({ measurements }) => measurements.length === 0);
  if (!isEmpty) await writeStdout(flags.json ? renderJson(results()) : renderText(results()));
  if (interrupts.interrupted) return 130;
  if (failure === undefined) return 0;
  throw failure.error;
}

/** A UDF, how it is measured, and what has been measured. */
interface MeasuredSide extends Side {
  readonly options: MeasureOptions;
  /** The flag that gave its options. */
  readonly settingsFlag: string;
  readonly measurements: Measurement[];
}

/** @throws {TineError} why the UDF failed, with its name and the repeat */
async function measureSide(side: MeasuredSide, repeat: number, repeats: number): Promise<void> {
  const { name, options, settingsFlag, measurements } = side;
  const missed = measurements.flatMap(({ missedGroups }) => missedGroups ?? []);
  const groups = options.groups.filter((groups) => !missed.some((missed) => groups >= missed));
  const onPhase = (phase: string) => options.onPhase?.(`${name}, repeat ${repeat} of ${repeats}: ${phase}`);
  const measured: Measurement = {};
  try {
    await measure({ ...options, groups, onPhase }, measured);
  } catch (error) {
    if (error instanceof TineError && error.code === "bad-option") {
      throw new UsageError(`${settingsFlag}: ${error.message}`);
    }
    if (!(error instanceof UdfFailure)) throw error;
    throw new TineError(error.code, `${name}, repeat ${repeat} of ${repeats}, ${error.message}`, { cause: error });
  } finally {
    // What was measured before a failure counts.
    if (measured.startMs !== undefined) measurements.push(measured);
  }
}

function sidesOf(
  flags: BenchFlags,
  first: Target,
  signal: AbortSignal,
  onPhase: (phase: string) => void,
): MeasuredSide[] {
  const targets = [{ target: first, settings: flags.set, settingsFlag: "--set" }];
  if (flags.versus !== undefined) {
    const own = flags.versusSet.length > 0;
    const [settings, settingsFlag] = own ? [flags.versusSet, "--versus-set"] : [flags.set, "--set"];
    targets.push({ target: targetOf(flags.versus), settings, settingsFlag });
  }
  const repeatMs = flags.duration / flags.repeats;
  const shared = {
    data: flags.input.length === 0 ? undefined : ownData(flags),
    groups: groupsOf(flags.groups),
    pointsPerGroup: flags.groupPoints,
    batchSize: flags.batchSize,
    speedMs: repeatMs * SPEED_SHARE,
    groupsMs: Math.max(MIN_GROUPS_MS, flags.duration * GROUPS_SHARE),
    timeoutMs: flags.timeout,
    signal,
    onPhase,
  };
  const names = namesOf(targets);
  return targets.map(({ target, settings, settingsFlag }, i) => ({
    name: names[i],
    isProcess: target.socket === undefined && target.connect === undefined,
    settingsFlag,
    options: { ...shared, connect: () => reach(target, flags, signal), settings },
    measurements: [],
  }));
}

/** Reads points of one's own, once for each edge. */
function ownData(flags: BenchFlags): (info: InfoResponse) => Promise<PointOrBatch[]> {
  const read = new Map<EdgeType, Promise<PointOrBatch[]>>();
  return (info) => {
    let units = read.get(info.wants);
    if (units === undefined) {
      units = readUnits(flags, info, { command: "bench", most: MAX_POINTS });
      read.set(info.wants, units);
    }
    return units;
  };
}

/** Names for people; the same UDF with other options needs another one. */
function namesOf(targets: readonly { readonly target: Target; readonly settings: readonly string[] }[]): string[] {
  const names = targets.map(({ target }) => describeTarget(target));
  if (new Set(names).size === names.length) return names;
  const longer = targets.map(({ settings }, i) => [names[i], ...settings].join(" "));
  return new Set(longer).size === longer.length ? longer : longer.map((name, i) => i === 0 ? name : `${name} again`);
}

/** Reaches a fresh UDF. A handler gets a process of its own, as under Kapacitor: here it would share the host's thread. */
function reach(target: Target, flags: BenchFlags, signal: AbortSignal): Promise<RunningUdf> {
  const log = (line: string) => {
    if (flags.verbose) console.error(style(Deno.stderr).dim(escape(line)));
  };
  const { handler } = target;
  if (handler === undefined) return reachUdf(target, { retryMs: Math.min(flags.timeout, 2_000), log, signal });
  const { command, env } = selfCommand({ forOther: true, smallHeap: false });
  const { permissions = {}, handlerTimeoutMs } = moduleOptions(flags);
  const given = isModulePath(handler)
    ? [
      ...permissions.trust ? ["--trust"] : [],
      ...(permissions.net ?? []).map((host) => `--allow-net=${host}`),
      ...(permissions.read ?? []).map((path) => `--allow-read=${path}`),
      ...(permissions.env ?? []).map((name) => `--allow-env=${name}`),
      `--handler-timeout=${handlerTimeoutMs}ms`,
    ]
    : [];
  return Promise.resolve(startProcess([...command, "agent", handler, ...given], log, env));
}

/**
 * Reads `--versus UDF`.
 *
 * @throws {UsageError}
 */
function targetOf(text: string): Target {
  const words = splitCommand(text);
  if (words === undefined) throw new UsageError(`--versus UDF: a quote does not end in "${escape(text)}"`);
  const [word, ...others] = words;
  if (word === undefined) throw new UsageError("--versus UDF: expected a UDF, not an empty text");
  const target: Target = others.length > 0
    ? { trailing: words }
    : BUNDLED_HANDLERS.includes(word) || isModulePath(word)
    ? { handler: word }
    : word.startsWith("unix:")
    ? { socket: word.slice("unix:".length) }
    : word.startsWith("tcp:")
    ? { connect: word.slice("tcp:".length) }
    : { trailing: words };
  checkTarget(target);
  return target;
}

/** @throws {UsageError} */
function groupsOf(text: string): number[] {
  const words = text.split(",").map((word) => word.trim());
  const numbers = words.map(Number);
  if (!words.every((word) => /^\d{1,7}$/.test(word)) || numbers.includes(0)) {
    throw new UsageError(`--groups N,N: expected numbers of groups, such as 1,100,10000, not "${escape(text)}"`);
  }
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** A sentence where others use the processors: then figures say little. */
function busyMachine(): string[] {
  try {
    const load = Number(Deno.readTextFileSync("/proc/loadavg").split(" ")[0]);
    const processors = navigator.hardwareConcurrency;
    if (load <= BUSY * processors) return [];
    return [`the machine is busy (load ${load} on ${processors} processors): figures are lower and vary more`];
  } catch {
    return []; // not Linux, or it may not be read
  }
}
