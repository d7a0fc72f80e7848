import { formatDuration } from "../base/units.ts";
import type { UdfCondition, UdfConfig } from "../node/plan/types.ts";
import { conditionText, limitsText } from "../result/alert.ts";
import type { UdfAlert } from "../result/summary.ts";
import type { Point } from "../udf/point.ts";

/** Watches what a UDF returns: whether its alert is met, and whether it ends the test. */
export class ConditionMonitor {
  readonly #alert: UdfCondition | undefined;
  readonly #stop: UdfConfig["stop"];
  readonly #forNanos: bigint;
  #seen = false;
  #met = 0;
  #first: UdfAlert["first"];
  /** By group: since when the condition of the stop holds, in nanoseconds since 1970. */
  readonly #since = new Map<string, bigint>();
  #stopped: string | undefined;

  /** @param config of the UDF */
  constructor({ alert, stop }: Pick<UdfConfig, "alert" | "stop">) {
    this.#alert = alert;
    this.#stop = stop;
    this.#forNanos = BigInt(Math.round((stop?.for ?? 0) * 1e6));
  }

  /** Whether there is anything to watch. */
  get any(): boolean {
    return this.#alert !== undefined || this.#stop !== undefined;
  }

  /**
   * Takes a point that the UDF returned.
   *
   * @param group its own, or that of its batch
   * @returns why the test is to end, the first time that it is
   */
  take(point: Point, group: string = point.group): string | undefined {
    if (this.#alert !== undefined) this.#check(this.#alert, point, group);
    return this.#stop !== undefined && this.#stopped === undefined
      ? this.#checkStop(this.#stop, point, group)
      : undefined;
  }

  /** Verdict of the alert so far; undefined if the UDF has no alert. */
  get alert(): UdfAlert | undefined {
    if (this.#alert === undefined) return undefined;
    return {
      condition: conditionText(this.#alert),
      verdict: this.#met > 0 ? "failed" : this.#seen ? "passed" : "no-data",
      points: this.#met,
      ...(this.#first && { first: this.#first }),
    };
  }

  #check(alert: UdfCondition, point: Point, group: string): void {
    const value = numberIn(point, alert.field);
    if (value === undefined) return;
    this.#seen = true;
    if (!meets(value, alert)) return;
    this.#met++;
    this.#first ??= { time: String(point.time), group, value };
  }

  #checkStop(stop: NonNullable<UdfConfig["stop"]>, point: Point, group: string): string | undefined {
    const value = numberIn(point, stop.field);
    if (value === undefined) return undefined;
    if (!meets(value, stop)) {
      this.#since.delete(group);
      return undefined;
    }
    const since = this.#since.get(group);
    if (since === undefined) this.#since.set(group, point.time);
    if (point.time - (since ?? point.time) < this.#forNanos) return undefined;
    const long = stop.for === undefined || stop.for === 0 ? "" : ` for ${formatDuration(stop.for)}`;
    const where = group === "" ? "" : ` in ${group}`;
    return this.#stopped = `${stop.field} was ${limitsText(stop)}${long}${where}`;
  }
}

function meets(value: number, { above, below }: UdfCondition): boolean {
  return above !== undefined && value > above || below !== undefined && value < below;
}

/** The field as a number; a bool is 1 or 0. What is not a number is no value: no limit holds of it. */
function numberIn(point: Point, name: string): number | undefined {
  const value = point.field(name);
  switch (typeof value) {
    case "number":
      return Number.isNaN(value) ? undefined : value;
    case "bigint":
    case "boolean":
      return Number(value);
    default:
      return undefined;
  }
}
