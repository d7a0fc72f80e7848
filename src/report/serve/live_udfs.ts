import type { Test } from "../../node/mod.ts";
import { TABLES } from "../../result/tables/mod.ts";
import { type ReturnedPoint, UDF_TABLE_PREFIX, UdfTail } from "../../result/udf_output.ts";
import { inputOf, isDrawable, type PlottedInput, unitOf } from "../plots/udfs.ts";
import type { PlotUnit } from "../plot.ts";
import { LIVE_PLOTS, type LivePlotHead, LivePlots, type SeriesUpdate } from "./live_series.ts";

/** Plots of what UDFs return, at most: fields may come from names that are made of values. */
const MAX_PLOTS = 24;
/** Flows whose looks what UDFs return does not have, in a plot that shows both. */
const LOOKS_OF_FLOWS = 4;

/** What the UDFs of a running test return, as plots over what they were given: those of the page of the test. */
export class LiveUdfs {
  readonly #test: Pick<Test, "id" | "udfs">;
  readonly #start: bigint;
  readonly #udfs: readonly {
    readonly name: string;
    readonly tail: UdfTail;
    readonly input: PlottedInput | undefined;
  }[];
  readonly #plots = new LivePlots([], LOOKS_OF_FLOWS);
  readonly #heads = new Map<string, LivePlotHead>();
  /** Columns of the tables that UDFs got: what is handed on is plotted already. */
  readonly #given = new Map<string, ReadonlySet<string>>();

  /**
   * @param test as the plan has it
   * @param start of the test, in nanoseconds since 1970
   */
  constructor(test: Pick<Test, "id" | "udfs"> | undefined, start: bigint) {
    this.#test = test ?? { id: {} };
    this.#start = start;
    this.#udfs = (test?.udfs ?? []).map(({ name }) => ({ name, tail: new UdfTail(name), input: inputOf(name, test) }));
  }

  /** The plots that there are so far. */
  get heads(): readonly LivePlotHead[] {
    return [...this.#heads.values()];
  }

  /**
   * Takes what has been returned since the last call.
   *
   * @param folder of the test, wherever it is by now
   * @throws {TineError} `bad-results`, `cannot-read`
   */
  async step(folder: string): Promise<void> {
    for (const { name, tail, input } of this.#udfs) {
      for await (const points of tail.read(folder)) {
        for (const point of points) this.#add(name, point, input);
      }
    }
  }

  /** All that there is, for a page that opens. */
  snapshot(): SeriesUpdate[] {
    return this.#plots.snapshot();
  }

  /** What has come since the last call; undefined: pages have to start anew from a snapshot. */
  updates(): SeriesUpdate[] | undefined {
    return this.#plots.updates();
  }

  #add(udf: string, { point, batch }: ReturnedPoint, input: PlottedInput | undefined): void {
    const tags = new Map([...batch?.tags ?? [], ...point.tags]);
    const time = Number(point.time - this.#start) / 1000;
    let group: string | undefined;
    for (const [name, value] of point.fields()) {
      if (typeof value !== "number" && typeof value !== "bigint" || this.#isGiven(name, input)) continue;
      if (!isDrawable(time, Number(value), 0)) continue;
      const head = this.#head(udf, name, input);
      if (head === undefined) continue;
      group ??= this.#groupOf(tags);
      this.#plots.add(head.id, group === "" ? name : `${group}: ${name}`, "line", time, Number(value));
    }
  }

  /** What a point is about: its flow, or else its tags but those of the test. */
  #groupOf(tags: ReadonlyMap<string, string>): string {
    const flow = tags.get("flow"), sender = Number(tags.get("sender") ?? 0);
    if (flow !== undefined) return sender > 0 ? `${flow}/${sender}` : flow;
    const others = [...tags].filter(([name]) => name !== "run" && !Object.hasOwn(this.#test.id, name));
    return others.map(([, value]) => value).join(", ");
  }

  #isGiven(field: string, input: PlottedInput | undefined): boolean {
    if (input === undefined) return false;
    let given = this.#given.get(input.table);
    if (given === undefined) {
      const table = TABLES.get(input.table)?.({ test: { path: "", summary: this.#test }, idKeys: [] });
      this.#given.set(input.table, given = new Set(table?.columns.map(({ name }) => name)));
    }
    return given.has(field);
  }

  /** The plot of a field; undefined where there are too many. */
  #head(udf: string, field: string, input: PlottedInput | undefined): LivePlotHead | undefined {
    const id = `${UDF_TABLE_PREFIX}${udf}.${field}`;
    const known = this.#heads.get(id);
    if (known !== undefined || this.#heads.size >= MAX_PLOTS) return known;
    const under = LIVE_PLOTS.find(({ id }) => id === input?.plot);
    const unit: PlotUnit = unitOf(field, under?.y.unit);
    const head: LivePlotHead = {
      id,
      title: `UDF ${udf}: ${field}`,
      y: { title: `${udf}: ${field}`, unit },
      worst: "greatest",
      // What has another unit cannot share an axis.
      ...under !== undefined && under.y.unit === unit && { under: under.id },
    };
    this.#heads.set(id, head);
    this.#plots.addPlot(head);
    return head;
  }
}
