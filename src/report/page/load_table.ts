import { LOAD_FIGURES, type LoadFigures, type PacketFigures } from "../../flow/analysis/mod.ts";
import { grouped } from "../../base/units.ts";
import { type Html, html } from "../html.ts";
import type { Look } from "../plot.ts";
import { flowName, listed, type MeasuredFlow } from "../plots/context.ts";
import { figureRows, type PageColumn, pageColumn } from "./figure_table.ts";

/** Echoes of which less runs beside TCP flows ran on an idle path, and those of which more does, on a loaded one. */
const IDLE_SHARE = 0.1;
const LOADED_SHARE = 0.5;

/** Echoes of one path, while it was idle or under load. */
interface EchoPhase {
  readonly name: string;
  readonly packets: PacketFigures;
  /** The TCP flows beside it; none of an idle path. */
  readonly load: readonly string[];
}

/** Echoes of one path, idle and under load. */
export interface LoadedPath {
  readonly idle: readonly EchoPhase[];
  readonly loaded: readonly EchoPhase[];
}

/**
 * Finds paths that were measured idle and under load: with echoes from one node to another, some of which ran beside TCP
 * flows.
 */
export function loadedPaths(flows: readonly MeasuredFlow[]): LoadedPath[] {
  const bulk = flows.flatMap((measured) =>
    measured.protocol === "tcp" && measured.start !== undefined
      ? [{ flow: measured.flow, from: measured.start, to: measured.start + nanos(measured.figures.durationNanos) }]
      : []
  );
  if (bulk.length === 0) return [];
  const paths = new Map<string, { idle: EchoPhase[]; loaded: EchoPhase[] }>();
  for (const measured of flows) {
    if (measured.protocol !== "udp" || measured.start === undefined) continue;
    const { start, flow, client, server, figures: { senders } } = measured;
    const key = JSON.stringify([client?.nodeId, server?.nodeId ?? server?.address]);
    for (const packets of senders) {
      if (packets.rtt === undefined || packets.sendNanos <= 0) continue;
      const end = start + nanos(packets.sendNanos);
      const beside = bulk.filter(({ from, to }) => from < end && to > start);
      const share = covered(beside, start, end) / packets.sendNanos;
      const phase = { name: flowName(flow, packets.sender, senders.length > 1), packets };
      let path = paths.get(key);
      if (path === undefined) paths.set(key, path = { idle: [], loaded: [] });
      if (share <= IDLE_SHARE) path.idle.push({ ...phase, load: [] });
      else if (share >= LOADED_SHARE) path.loaded.push({ ...phase, load: beside.map(({ flow }) => flow) });
    }
  }
  return [...paths.values()].filter(({ idle, loaded }) => idle.length > 0 && loaded.length > 0);
}

/** How much of a time is covered by others, in nanoseconds. */
function covered(spans: readonly { from: bigint; to: bigint }[], start: bigint, end: bigint): number {
  let sum = 0n, reached = start;
  for (const { from, to } of spans.toSorted((a, b) => a.from < b.from ? -1 : 1)) {
    const first = from > reached ? from : reached, last = to < end ? to : end;
    if (last <= first) continue;
    sum += last - first;
    reached = last;
  }
  return Number(sum);
}

function nanos(n: number): bigint {
  return BigInt(Math.round(n));
}

const { rtt, lostPercent, roundTripsPerMinute } = LOAD_FIGURES;
const COLUMNS: readonly PageColumn<LoadFigures>[] = [
  pageColumn("median", rtt, "median", "Round-trip time, ms"),
  pageColumn("p99", rtt, "p99", "Round-trip time, ms"),
  pageColumn("max", rtt, "max", "Round-trip time, ms"),
  pageColumn("lost", lostPercent),
  pageColumn("trips/min", roundTripsPerMinute),
];

/** Returns how much an idle median grows, as a factor: `12.3` or `1,020`. */
export function growth(idle: PacketFigures, loaded: PacketFigures): string | undefined {
  if (!(idle.rtt !== undefined && loaded.rtt !== undefined && idle.rtt.median > 0)) return undefined;
  const factor = loaded.rtt.median / idle.rtt.median;
  return factor >= 99.95 ? grouped(Math.round(factor)) : factor.toPrecision(factor < 0.995 ? 2 : 3);
}

/** Returns what load does to round trips, as a table; nothing where no path was measured both ways. */
export function loadTable(paths: readonly LoadedPath[], looks: ReadonlyMap<string, Look>): Html {
  if (paths.length === 0) return html``;
  const rows = paths.flatMap(({ idle, loaded }) => [
    ...idle.map((phase) => ({ phase, note: "idle" })),
    ...loaded.map((phase) => {
      const factor = growth(idle[0].packets, phase.packets);
      const beside = `beside ${listed(phase.load)}`;
      return { phase, note: factor === undefined ? beside : `${beside}; median × ${factor}` };
    }),
  ]);
  return html`
    <section class="load">
    <h2>Load against idle</h2>
    <p class="lead">Round trips of echoes on an otherwise idle path, and beside TCP flows on the same path.</p>
    ${figureRows({
      caption: "Load against idle",
      captioned: true,
      names: ["flow", "path"],
      columns: COLUMNS,
      rows: rows.map(({ phase, note }) => ({
        flow: phase.name,
        look: looks.get(phase.name),
        names: [phase.name, note],
        of: { packets: phase.packets },
      })),
    })}
    </section>
  `;
}
