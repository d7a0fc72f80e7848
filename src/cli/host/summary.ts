import type { Losses } from "../../udf/format/point_writer.ts";
import type { HostCounts } from "../../udf/host.ts";
import type { SupervisorCounts } from "../../udf/supervise/supervisor.ts";
import { count, grouped } from "../../base/count.ts";
import { describeSupervision } from "../supervision_flags.ts";

/** What `tine host` did. */
export interface HostSummary extends HostCounts {
  seconds: number;
  badLines: number;
  latePoints: number;
  wrongGroups: number;
  /** Where the UDF was supervised. */
  supervision?: SupervisorCounts;
  losses: Losses;
  error?: string;
}

/** The summary for people: one line, and one more where something was lost or odd. */
export function renderSummary(summary: HostSummary): string {
  const { pointsIn, pointsOut, batchesIn, batchesOut, seconds } = summary;
  const batches = (n: number) => n === 0 ? "" : ` (${count(n, "batch", "batches")})`;
  const rate = grouped(Math.round(pointsIn / Math.max(seconds, 1e-6)));
  const lines = [
    `${count(pointsIn, "point")} in${batches(batchesIn)}, ${count(pointsOut, "point")} out${batches(batchesOut)}, ` +
    `${seconds.toFixed(2)} s, ${rate} points/s`,
  ];
  const odd = [
    summary.error !== undefined && "failed",
    told(summary.badLines, "bad line"),
    told(summary.latePoints, "late point dropped", "late points dropped"),
    told(summary.losses.points, "point that the format cannot hold", "points that the format cannot hold"),
    told(summary.losses.fields, "field that the format cannot hold", "fields that the format cannot hold"),
    told(summary.losses.tags, "tag that the format cannot hold", "tags that the format cannot hold"),
    told(summary.unasked, "response nobody asked for", "responses nobody asked for"),
    told(
      summary.wrongGroups,
      "group that Kapacitor computes differently",
      "groups that Kapacitor computes differently",
    ),
    told(summary.invalidStrings, "string that was not UTF-8", "strings that were not UTF-8"),
  ].filter((part) => part !== false);
  if (odd.length > 0) lines.push(odd.join(", "));
  const supervision = summary.supervision && describeSupervision(summary.supervision);
  if (supervision !== undefined) lines.push(supervision);
  return lines.join("\n");
}

function told(n: number, one: string, many = `${one}s`): string | false {
  return n > 0 && count(n, one, many);
}
