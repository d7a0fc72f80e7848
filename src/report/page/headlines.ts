import { elapsed, formatCount, grouped } from "../../base/units.ts";
import {
  bitRate,
  figureText,
  milliseconds,
  PACKET_FIGURES,
  percent,
  quantilesOf,
  seconds,
  STREAM_FIGURES,
  TRANSACTION_FIGURES,
} from "../../flow/analysis/mod.ts";
import { type Html, html } from "../html.ts";
import type { MeasuredFlow } from "../plots/context.ts";
import { listed } from "../plots/context.ts";
import type { TestReport } from "../test_report.ts";
import { growth, loadedPaths } from "./load_table.ts";
import { type TestFigures, testFigures } from "./test_figures.ts";

/** What happened, in one figure and one sentence. */
interface Headline {
  readonly what: string;
  /** The figure without its unit, and the unit. */
  readonly figure: string;
  readonly unit: string;
  readonly note: string;
}

/** Of as many flows that have completed, their completion time is what counts. */
const MANY_FLOWS = 10;
const MOST = 4;

/** Returns what happened in a test: at most four figures that say most of it. */
export function headlines(report: TestReport): Html {
  const { flows } = report;
  const figures = testFigures(flows);
  const all = [
    ...roundTrips(report),
    ...goodputs(flows, figures),
    ...transactionHeadlines(flows),
    ...completions(flows),
    ...losses(figures),
  ];
  if (all.length === 0) return html``;
  return html`
    <div class="headlines" aria-label="What happened" role="group">
    ${all.slice(0, MOST).map(({ what, figure, unit, note }) =>
      html`
        <div class="headline">
          <p class="what">${what}</p>
          <p class="big">${figure}<span class="unit">${unit !== "" && `\u00a0${unit}`}</span></p>
          <p class="note">${note}</p>
        </div>
      `
    )}
    </div>
  `;
}

/** Round trips under load where they were measured on an idle path too, else their median. */
function roundTrips({ flows }: TestReport): Headline[] {
  const [path] = loadedPaths(flows);
  if (path !== undefined) {
    const [idle] = path.idle;
    const worst = path.loaded.reduce((a, b) => a.packets.rtt!.median >= b.packets.rtt!.median ? a : b);
    const factor = growth(idle.packets, worst.packets);
    return [{
      what: "RTT under load, median",
      figure: milliseconds(worst.packets.rtt!.median / 1000),
      unit: "ms",
      note: `${worst.name} beside ${listed(worst.load, 3)}; ${
        milliseconds(idle.packets.rtt!.median / 1000)
      } ms on the idle path${factor === undefined ? "" : `, × ${factor}`}`,
    }];
  }
  const medians = flows.flatMap((measured) => {
    if (measured.protocol !== "udp") return [];
    return measured.figures.senders.flatMap(({ rtt }) => rtt === undefined ? [] : [{ flow: measured.flow, rtt }]);
  });
  if (medians.length === 0) {
    const smoothed = flows.flatMap((measured) =>
      measured.protocol === "tcp" && measured.figures.rtt !== undefined ? [measured.figures.rtt.median] : []
    );
    const over = quantilesOf(smoothed);
    return over === undefined ? [] : [{
      what: smoothed.length === 1 ? "Smoothed RTT, median" : "Smoothed RTT, median of flows",
      figure: milliseconds(over.median / 1000),
      unit: "ms",
      note: smoothed.length === 1
        ? "of the sender's kernel"
        : `from ${milliseconds(over.min / 1000)} to ${milliseconds(over.max / 1000)} ms over ${smoothed.length} flows`,
    }];
  }
  if (medians.length === 1) {
    const [{ flow, rtt: { median, p99, max, count: n } }] = medians;
    return [{
      what: "RTT, median",
      figure: milliseconds(median / 1000),
      unit: "ms",
      note: `${flow}: p99 ${milliseconds(p99 / 1000)} ms, max ${milliseconds(max / 1000)} ms, ${
        formatCount(n, "echo", "echoes")
      }`,
    }];
  }
  const over = quantilesOf(medians.map(({ rtt }) => rtt.median))!;
  const worst = medians.reduce((a, b) => a.rtt.p99 >= b.rtt.p99 ? a : b);
  return [{
    what: "RTT, median of flows",
    figure: milliseconds(over.median / 1000),
    unit: "ms",
    note: `from ${milliseconds(over.min / 1000)} to ${
      milliseconds(over.max / 1000)
    } ms over ${medians.length} flows; worst p99 ${milliseconds(worst.rtt.p99 / 1000)} ms, ${worst.flow}`,
  }];
}

/** The goodput of TCP flows, each direction by itself; without any, that of packets. */
function goodputs(flows: readonly MeasuredFlow[], figures: TestFigures): Headline[] {
  const streams = flows.flatMap((flow) => flow.protocol === "tcp" && !flow.figures.unmeasured ? [flow] : []);
  const byDirection = Map.groupBy(streams, ({ direction }) => direction);
  const found = Array.from(byDirection, ([direction, those]): Headline | undefined => {
    const what = `Goodput${direction === undefined ? "" : direction === "upload" ? ", up" : ", down"}`;
    if (those.length === 1) {
      const [{ flow, figures }] = those;
      const goodput = STREAM_FIGURES.goodputBitsPerSecond.value(figures);
      if (goodput === undefined || goodput === 0) return undefined;
      const resent = STREAM_FIGURES.retransmits.value(figures);
      return {
        what,
        ...split(bitRate(goodput)),
        note: `${flow}: ${figureText(figures.bytes, "byte")} in ${elapsed(figures.durationNanos / 1e6)}${
          resent === undefined ? "" : `, ${formatCount(resent, "segment")} resent`
        }`,
      };
    }
    const sum = direction === "download" ? figures.down : figures.up;
    const each = quantilesOf(
      those.flatMap(({ figures }) => STREAM_FIGURES.goodputBitsPerSecond.value(figures) ?? []),
    );
    if (sum === undefined || !(sum.goodputBitsPerSecond > 0) || each === undefined) return undefined;
    return {
      what,
      ...split(bitRate(sum.goodputBitsPerSecond)),
      note: `${grouped(those.length)} flows together, ${figureText(sum.bytes, "byte")}; median of flows ${
        bitRate(each.median)
      }`,
    };
  }).filter((headline) => headline !== undefined);
  if (streams.length > 0) return found;
  const packets = flows.flatMap((flow) => flow.protocol === "udp" ? flow.figures.senders : []);
  if (packets.some(({ rtt }) => rtt !== undefined)) return [];
  const rates = packets.map((sender) => PACKET_FIGURES.goodputBitsPerSecond.value(sender)).filter((rate) =>
    rate !== undefined
  );
  if (rates.length === 0) return [];
  return [{
    what: "Received at",
    ...split(bitRate(rates.reduce((a, b) => a + b))),
    note: formatCount(rates.length, "UDP flow"),
  }];
}

/** Transactions a second of requests and responses, and their latency. */
function transactionHeadlines(flows: readonly MeasuredFlow[]): Headline[] {
  const exchanges = flows.flatMap((flow) => flow.protocol === "rr" && !flow.figures.unmeasured ? [flow] : []);
  if (exchanges.length === 0) return [];
  const rate = exchanges.reduce(
    (sum, { figures }) => sum + TRANSACTION_FIGURES.transactionsPerSecond.value(figures),
    0,
  );
  const medians = exchanges.flatMap(({ figures }) => TRANSACTION_FIGURES.latency.value(figures) ?? []);
  const tails = exchanges.flatMap(({ figures }) => TRANSACTION_FIGURES.latency.value(figures, "p99") ?? []);
  const several = exchanges.length > 1;
  return [
    {
      what: "Transactions",
      figure: figureText(rate, "1/s"),
      unit: "/s",
      note: several ? formatCount(exchanges.length, "flow") : exchanges[0].flow,
    },
    ...medians.length === 0 ? [] : [{
      what: several ? "Latency, median of flows" : "Latency, median",
      figure: milliseconds(quantilesOf(medians)!.median),
      unit: "ms",
      note: `${several ? "worst " : ""}p99 ${milliseconds(Math.max(...tails))} ms`,
    }],
  ];
}

function completions(flows: readonly MeasuredFlow[]): Headline[] {
  const done = flows.flatMap((measured) => {
    const time = measured.protocol === "tcp" ? STREAM_FIGURES.completionSeconds.value(measured.figures) : undefined;
    return time === undefined ? [] : [time];
  });
  const over = quantilesOf(done);
  if (over === undefined || done.length < MANY_FLOWS) return [];
  const short = over.max < 1;
  const text = (s: number) => short ? milliseconds(s * 1e6) : seconds(s);
  return [{
    what: "Completion time, median",
    figure: text(over.median),
    unit: short ? "ms" : "s",
    note: `p99 ${text(over.p99)}, max ${text(over.max)} ${short ? "ms" : "s"}, of ${
      formatCount(done.length, "TCP flow")
    }`,
  }];
}

/** Lost packets of all UDP flows. */
function losses({ sent, lost, lostPercent }: TestFigures): Headline[] {
  if (lostPercent === undefined) return [];
  return [{
    what: "Packets lost",
    ...lost === 0 ? { figure: "0", unit: "" } : { figure: percent(lostPercent).slice(0, -1), unit: "%" },
    note: `${lost === 0 ? "" : `${grouped(lost)} `}of ${grouped(sent)}, there and back`,
  }];
}

function split(text: string): { figure: string; unit: string } {
  const [figure, unit = ""] = text.split(" ");
  return { figure, unit };
}
