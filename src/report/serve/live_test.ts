import type { Test } from "../../node/mod.ts";
import { figureText } from "../../flow/analysis/mod.ts";
import type { FollowedTest } from "../../result/follow_tests.ts";
import { findStoredTest } from "../../result/stored_plan.ts";
import { TestFollower } from "../../result/export/test_follower.ts";
import { readTestSummary, type TestSummary } from "../../result/summary.ts";
import { tableNamed } from "../../result/tables/mod.ts";
import type { LiveRows } from "../../result/tables/live.ts";
import { type FollowedTable, namesIn } from "../../result/tables/row_follower.ts";
import { type RowChunk, valueAt, type Values } from "../../result/tables/table.ts";
import { numberAt, textAt, timeAt } from "../plots/rows.ts";
import { type LivePlotHead, LivePlots, type SeriesUpdate } from "./live_series.ts";
import { LiveUdfs } from "./live_udfs.ts";

/** The length of the intervals of goodput, in milliseconds. */
const INTERVAL_MS = 200;
/** Rows of the table of flows, at most. */
const MAX_FLOWS = 200;
/** Lines of logs that are kept. */
const MAX_LINES = 500;
/** The length at which lines are cut, in characters. */
const MAX_TEXT = 2000;

/** A row of the table of flows: of its last interval, or of all of it once it has ended. */
export interface LiveFlow {
  readonly flow: string;
  readonly ended: boolean;
  readonly goodput: string;
  /** Median of the last interval, or the kernel's smoothed one, in milliseconds. */
  readonly rtt: string;
  readonly rttP99: string;
  /** Packets lost, or segments sent again. */
  readonly lost: string;
}

/** A line of a log. */
export interface LiveLine {
  /** Seconds since the start of the test. */
  readonly time: number;
  readonly node: string;
  readonly tag: string;
  readonly text: string;
}

/** What a page shows of a test. */
export interface TestUpdate {
  readonly series: readonly SeriesUpdate[];
  /** The plots of what UDFs return, so far. */
  readonly udfs: readonly LivePlotHead[];
  readonly flows: readonly LiveFlow[];
  /** Flows that the table has no room for. */
  readonly moreFlows: number;
  readonly lines: readonly LiveLine[];
  /** Lines before these that were not kept. */
  readonly moreLines: number;
  /** How far times go, in seconds since the start of the test. */
  readonly seconds: number;
}

/** Follows a test that is under way, and keeps what a page shows of it, in bounded memory. */
export class LiveTest implements FollowedTest {
  readonly #follower: TestFollower;
  readonly #start: bigint;
  readonly #plots = new LivePlots();
  readonly #udfs: LiveUdfs;
  readonly #flows = new Map<string, LiveFlow>();
  readonly #lines: LiveLine[] = [];
  #moreFlows = 0;
  #moreLines = 0;
  #moreNewLines = 0;
  #newFlows = new Set<string>();
  #newLines: LiveLine[] = [];
  #seconds = 0;

  private constructor(folder: string, summary: TestSummary, planned: Test | undefined) {
    this.#start = BigInt(Date.parse(summary.started)) * 1_000_000n;
    this.#udfs = new LiveUdfs(planned, this.#start);
    const follow = (name: string, take: (rows: Columns) => void): FollowedTable => {
      const table = tableNamed(name)({ test: { path: folder, summary }, idKeys: [], intervalMs: INTERVAL_MS });
      const places = new Map(table.columns.map(({ name }, i) => [name, i]));
      return { live: table.live as LiveRows, write: (rows) => take(new Columns(rows, places)) };
    };
    this.#follower = new TestFollower(
      [
        follow("intervals", (rows) => this.#intervals(rows)),
        follow("round_trips", (rows) => this.#samples(rows, "points")),
        follow("tcp_info", (rows) => this.#samples(rows, "line")),
        follow("losses", (rows) => this.#losses(rows)),
        follow("flows", (rows) => this.#ended(rows)),
        follow("logs", (rows) => this.#logs(rows)),
      ],
      undefined,
      planned && namesIn(planned),
    );
  }

  /**
   * Begins to follow a test.
   *
   * @param folder of the test
   * @returns undefined where it has no summary yet
   */
  static async open(folder: string): Promise<LiveTest | undefined> {
    const summary = await readTestSummary(folder);
    return summary && new LiveTest(folder, summary, await findStoredTest(folder, summary.id));
  }

  async step(folder: string, options: { readonly end: boolean; readonly signal: AbortSignal }): Promise<void> {
    await this.#follower.step(folder, options);
    await this.#udfs.step(folder);
  }

  /** All that there is, for a page that opens. */
  snapshot(): TestUpdate {
    return {
      series: [...this.#plots.snapshot(), ...this.#udfs.snapshot()],
      udfs: this.#udfs.heads,
      flows: [...this.#flows.values()],
      moreFlows: this.#moreFlows,
      lines: this.#lines,
      moreLines: this.#moreLines,
      seconds: this.#seconds,
    };
  }

  /** What has come since the last call; undefined: pages have to start anew from a snapshot. */
  update(): TestUpdate | undefined {
    const flows = Array.from(this.#newFlows, (flow) => this.#flows.get(flow)!);
    const lines = this.#newLines;
    this.#newFlows = new Set();
    this.#newLines = [];
    const [own, returned] = [this.#plots.updates(), this.#udfs.updates()];
    const series = own && returned && [...own, ...returned];
    const moreLines = this.#moreNewLines;
    this.#moreNewLines = 0;
    const { heads: udfs } = this.#udfs;
    return series && { series, udfs, flows, moreFlows: this.#moreFlows, lines, moreLines, seconds: this.#seconds };
  }

  [Symbol.dispose](): void {
    this.#follower[Symbol.dispose]();
  }

  #intervals(rows: Columns): void {
    const [time, goodput, cwnd, warmup] = rows.of("time", "goodput_bits_per_second", "cwnd_bytes", "warmup");
    for (let i = 0; i < rows.count; i++) {
      const name = rows.flow(i);
      const at = this.#reach(timeAt(time, i, this.#start));
      this.#plots.add("goodput", name, "steps", at, numberAt(goodput, i));
      this.#plots.add("cwnd", name, "steps", at, numberAt(cwnd, i));
      if (this.#flows.get(name)?.ended) continue;
      const of = (column: string) => known(numberAt(rows.of(column)[0], i));
      this.#setFlow({
        flow: name,
        ended: false,
        goodput: figureText(of("goodput_bits_per_second"), "bit/s") +
          (valueAt(warmup, i) === true ? ", warming up" : ""),
        rtt: figureText(of("rtt_median_us") ?? of("srtt_us"), "us"),
        rttP99: figureText(of("rtt_p99_us"), "us"),
        lost: figureText(of("lost_packets") ?? of("retransmits_segments"), "packet"),
      });
    }
  }

  /** @param kind those of echoes are points, those that a kernel has smoothed a line, as in the final page */
  #samples(rows: Columns, kind: "points" | "line"): void {
    const [time, rtt] = rows.of("time", "rtt_us");
    for (let i = 0; i < rows.count; i++) {
      const value = numberAt(rtt, i);
      // A kernel that has not measured one yet has 0.
      if (value > 0) this.#plots.add("rtt", rows.flow(i), kind, this.#reach(timeAt(time, i, this.#start)), value);
    }
  }

  #losses(rows: Columns): void {
    const [time] = rows.of("time");
    for (let i = 0; i < rows.count; i++) {
      this.#plots.add("rtt", rows.flow(i), "ticks", timeAt(time, i, this.#start), NaN);
    }
  }

  /** Takes the figures of a flow that has ended. */
  #ended(rows: Columns): void {
    for (let i = 0; i < rows.count; i++) {
      const of = (column: string) => known(numberAt(rows.of(column)[0], i));
      const lost = [of("to_server_lost_packets"), of("from_server_lost_packets")].filter((n) => n !== undefined);
      this.#setFlow({
        flow: rows.flow(i),
        ended: true,
        goodput: figureText(of("goodput_bits_per_second"), "bit/s"),
        rtt: figureText(of("rtt_median_us") ?? of("rtt_last_us"), "us"),
        rttP99: figureText(of("rtt_p99_us"), "us"),
        lost: lost.length === 0
          ? figureText(of("retransmits_segments"), "segment")
          : lost.map((count) => figureText(count, "packet")).join(" / "),
      });
    }
  }

  #logs(rows: Columns): void {
    const [time, node, tag, text] = rows.of("time", "node", "tag", "text");
    for (let i = 0; i < rows.count; i++) {
      const line = {
        time: Math.round(timeAt(time, i, this.#start)) / 1e6,
        node: textAt(node, i) ?? "",
        tag: textAt(tag, i) ?? "",
        text: cut(textAt(text, i) ?? ""),
      };
      if (push(this.#lines, line)) this.#moreLines++;
      if (push(this.#newLines, line)) this.#moreNewLines++;
    }
  }

  #setFlow(flow: LiveFlow): void {
    const known = this.#flows.get(flow.flow);
    if (known === undefined && this.#flows.size >= MAX_FLOWS) {
      // Those that run are of more interest than those that have ended.
      const ended = this.#flows.values().find(({ ended }) => ended);
      this.#moreFlows++;
      if (ended === undefined) return;
      this.#flows.delete(ended.flow);
      this.#newFlows.delete(ended.flow);
    }
    this.#flows.set(flow.flow, flow);
    this.#newFlows.add(flow.flow);
  }

  /** Notes how far times go. */
  #reach(micros: number): number {
    if (micros / 1e6 > this.#seconds) this.#seconds = micros / 1e6;
    return micros;
  }
}

/** Rows of a table, with its columns by name. */
class Columns {
  readonly count: number;
  readonly #flow: Values | undefined;
  readonly #sender: Values | undefined;

  constructor(readonly rows: RowChunk, readonly places: ReadonlyMap<string, number>) {
    this.count = rows.count;
    const find = (name: string) => places.has(name) ? rows.columns[places.get(name)!] : undefined;
    this.#flow = find("flow");
    this.#sender = find("sender");
  }

  of(...names: readonly string[]): Values[] {
    return names.map((name) => this.rows.columns[this.places.get(name)!]);
  }

  /** The flow of a row, with its sender where that is not the first one. */
  flow(i: number): string {
    const flow = textAt(this.#flow!, i) ?? "";
    const sender = this.#sender === undefined ? NaN : numberAt(this.#sender, i);
    return sender > 0 ? `${flow}/${sender}` : flow;
  }
}

function known(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}

/** Adds a line; where there are too many, the first one goes, and the result is true. */
function push(lines: LiveLine[], line: LiveLine): boolean {
  lines.push(line);
  if (lines.length <= MAX_LINES) return false;
  lines.shift();
  return true;
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}
