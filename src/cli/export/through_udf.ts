import { formatCount } from "../../base/units.ts";
import type { ExportedTest } from "../../result/export/mod.ts";
import type { InfoResponse, Option } from "../../udf/messages.ts";
import type { RunningUdf } from "../../udf/running_udf.ts";
import { UsageError } from "../errors.ts";
import { flagName } from "../flags.ts";
import { batcherOptions } from "../host/input_feed.ts";
import { splitNames } from "../udf/input_flags.ts";
import { checkModuleFlags, isModule, type ModuleFlagValues, moduleOptions } from "../module_flags.ts";
import { escape } from "../terminal.ts";
import { checkTarget, reachUdf, type Target } from "../udf/target.ts";

/** How long a UDF may take to end once it has all rows, in milliseconds. */
const DRAIN_TIMEOUT_MS = 60_000;

/** A name as plans have it. */
const NAME = /^[A-Za-z][\w-]{0,62}$/;

/** Flags of `tine export` that are about a UDF. */
export interface UdfFlagValues extends ModuleFlagValues {
  readonly toUdf: string | undefined;
  readonly socket: string | undefined;
  readonly connect: string | undefined;
  readonly set: readonly string[];
  readonly as: string | undefined;
  readonly groupBy: string | undefined;
  readonly batchSize: number | undefined;
  readonly batchWindow: number | undefined;
  readonly udfTimeout: number;
}

/** Flags that mean nothing without a UDF, and have no default. */
const OF_UDF = ["set", "as", "groupBy", "batchSize", "batchWindow", "allowNet", "allowRead", "allowEnv"] as const;

/**
 * Returns the UDF that the command line names; undefined where it names none.
 *
 * @throws {UsageError} for flags that exclude each other, or mean nothing
 */
export function udfTarget(flags: UdfFlagValues, trailing: readonly string[] | undefined): Target | undefined {
  const { toUdf: handler, socket, connect } = flags;
  const target = { handler, socket, connect, trailing };
  if (Object.values(target).every((value) => value === undefined)) {
    const given = OF_UDF.find((name) => flags[name] !== undefined && flags[name].toString() !== "") ??
      (flags.trust ? "trust" : undefined);
    if (given === undefined) return undefined;
    throw new UsageError(
      `${flagName(given)} is about a UDF: name it by --to-udf HANDLER, --socket PATH, --connect HOST:PORT or -- CMD`,
    );
  }
  checkTarget(target, "--to-udf");
  if (handler !== undefined) isModule(handler, "--to-udf HANDLER");
  checkModuleFlags(flags, handler);
  if (flags.batchSize !== undefined && flags.batchWindow !== undefined) {
    throw new UsageError("--batch-size and --batch-window exclude each other: give one of them");
  }
  if (flags.as !== undefined && !NAME.test(flags.as)) {
    throw new UsageError(
      `--as NAME: expected a name such as smooth: a letter, then up to 62 letters, digits, _ and -, not "${
        escape(flags.as)
      }"`,
    );
  }
  return target;
}

/** What goes through a UDF. */
interface Through {
  readonly tests: readonly ExportedTest[];
  readonly table: string;
  readonly flows?: string;
  readonly intervalMs?: number;
  readonly signal: AbortSignal;
  /** Prints a message. */
  report(message: string): void;
  /** Gets how many points have come back. */
  onProgress(points: number): void;
  /** Gets what ends the UDF of the moment by force, and removes what it returned. */
  onStart(kill: () => void): void;
}

/** What a UDF returned, in a temporary folder that is removed in the end. */
interface Returned extends AsyncDisposable {
  /** The tests with what it returned. */
  readonly tests: readonly ExportedTest[];
  /** The name of that table. */
  readonly tables: readonly [string];
}

/**
 * Sends the rows of a table of all tests through the UDF, and prints how much went in and out.
 *
 * @throws {TineError} why the UDF failed, and those of reading results
 */
export async function throughUdf(target: Target, flags: UdfFlagValues, through: Through): Promise<Returned> {
  const name = flags.as ?? nameOf(target);
  const [{ returnedResults }, { UDF_TABLE_PREFIX }] = await Promise.all([
    import("../../bridge/returned_results.ts"),
    import("../../result/udf_output.ts"),
  ]);
  await using cleanUp = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tine-udf-" });
  cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
  const sum = { pointsIn: 0, batchesIn: 0, pointsOut: 0, batchesOut: 0, late: 0, lost: 0 };
  const tests = await returnedResults({
    ...through,
    name,
    groupBy: splitNames(flags.groupBy),
    batches: batcherOptions(flags),
    async reach(): Promise<RunningUdf> {
      const udf = await reachUdf(target, {
        retryMs: flags.udfTimeout,
        log: through.report,
        signal: through.signal,
        module: moduleOptions(flags),
      });
      through.onStart(() => {
        udf.kill();
        Deno.removeSync(folder, { recursive: true });
      });
      return udf;
    },
    options: await optionsOf(flags, through.report),
    host: { taskId: "tine", nodeId: name, timeoutMs: flags.udfTimeout, log: through.report },
    drainTimeoutMs: DRAIN_TIMEOUT_MS,
    onProgress: ({ pointsOut }) => through.onProgress(sum.pointsOut + pointsOut),
    onEnd(counts) {
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += counts[key];
    },
  }, folder);
  const batches = (n: number) => n === 0 ? "" : ` (${formatCount(n, "batch", "batches")})`;
  through.report(
    `${name}: ${formatCount(sum.pointsIn, "point")} in${batches(sum.batchesIn)}, ` +
      `${formatCount(sum.pointsOut, "point")} out${batches(sum.batchesOut)}`,
  );
  if (sum.late > 0) through.report(`left out: ${formatCount(sum.late, "point")} later than their batch`);
  if (sum.lost > 0) through.report(`left out: ${formatCount(sum.lost, "row")} without a time or a field`);
  const kept = cleanUp.move();
  return {
    tests,
    tables: [`${UDF_TABLE_PREFIX}${name}`],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Returns what makes options of the settings of the command line, as the UDF takes them. */
async function optionsOf(
  { set, batchSize, batchWindow }: UdfFlagValues,
  report: (message: string) => void,
): Promise<(info: InfoResponse) => Option[]> {
  const { parseSettings } = await import("../../udf/option_settings.ts");
  return (info) => {
    if (info.wants === "stream" && (batchSize ?? batchWindow) !== undefined) {
      const given = batchSize === undefined ? "--batch-window" : "--batch-size";
      report(`tine export: ${given} has no effect: the UDF wants single points, not batches`);
    }
    return parseSettings(set, info);
  };
}

/** What the UDF is called where `--as` names nothing: after its handler or module. */
function nameOf({ handler }: Target): string {
  const base = handler?.slice(handler.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "") ?? "";
  return NAME.test(base) ? base : "returned";
}
