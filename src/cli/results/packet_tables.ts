import type { PacketFigures, PathFigures } from "../../flow/analysis/mod.ts";
import type { MeasuredPackets } from "../../result/mod.ts";
import { count, grouped } from "../../base/count.ts";
import { escape } from "../terminal.ts";
import { milliseconds, percent } from "../traffic/figure_text.ts";
import { packetFigureLines } from "../traffic/packet_figure_lines.ts";
import { tableLines } from "../../base/text_table.ts";

/** With more senders than this, each has a line instead of tables. */
const MOST_TABLES = 4;
/** More lines are for programs: `--json` has all of them. */
const MOST_ROWS = 100;
const UNKNOWN = "-";

/** A sender of a UDP flow. */
interface ShownSender {
  readonly label: string;
  readonly flow: MeasuredPackets;
  readonly figures: PacketFigures;
}

/** UDP flows as tables: times, and how packets fared in each direction. */
export function packetTables(flows: readonly MeasuredPackets[]): string[] {
  const senders = flows.flatMap((flow) =>
    flow.figures.senders.map((figures): ShownSender => {
      // Most flows have one.
      const number = flow.figures.senders.length > 1 ? `, sender ${figures.sender}` : "";
      return { label: `UDP ${escape(flow.flow)}${number}`, flow, figures };
    })
  );
  const lines = senders.length > MOST_TABLES ? overview(senders) : senders.flatMap((sender, i) => [
    ...i === 0 ? [] : [""],
    ...tables(sender),
  ]);
  const silent = flows.filter(({ figures }) => figures.senders.length === 0);
  if (silent.length > 0) lines.push(`${count(silent.length, "UDP flow")} sent and received nothing`);
  return lines;
}

function tables({ label, flow, figures }: ShownSender): string[] {
  const shown = { label, reverse: figures.there === undefined, complete: flow.complete };
  return packetFigureLines(shown, figures, flow.figures.clockOffset);
}

/** A line each. */
function overview(senders: readonly ShownSender[]): string[] {
  const rows = senders.slice(0, MOST_ROWS).map(({ label, flow, figures: { there, back, rtt, lateness } }) => [
    label.replace(/^UDP /, "").replace(", sender ", "/") + (flow.complete ? "" : "*"),
    ...rtt === undefined ? [UNKNOWN, UNKNOWN, UNKNOWN] : [rtt.median, rtt.p99, rtt.max].map(milliseconds),
    sentBy(there ?? back),
    lost(there),
    lost(back),
    lateness === undefined ? UNKNOWN : milliseconds(lateness.p99),
  ]);
  const head = ["UDP", "RTT median", "p99", "max ms", "sent", "lost there", "back", "late p99"];
  const lines = tableLines([head, ...rows]);
  if (senders.length > MOST_ROWS) lines.push(`... and ${senders.length - MOST_ROWS} more`);
  if (senders.some(({ flow }) => !flow.complete)) {
    lines.push("* did not come to its end: the server has not told its counts");
  }
  return lines;
}

function sentBy(path: PathFigures | undefined): string {
  return path?.sent === undefined ? UNKNOWN : grouped(path.sent);
}

function lost(path: PathFigures | undefined): string {
  return path?.lost === undefined || path.sent === undefined
    ? UNKNOWN
    : percent(path.lost, path.sent - (path.unsettled ?? 0));
}
