import type { Activity, ErrorItem, LogEntry, NodeInfo, Progress } from "../../../src/node/item.ts";
import { style } from "../../../src/cli/terminal.ts";

/** No colours. */
export const PLAIN = style({ isTerminal: () => false });

/** A node that was launched. */
export function nodeInfo(nodeId: string): NodeInfo {
  const versions = { tine: "0.1.0", deno: "2.9.6", kernel: "6.1" };
  const clock = { offsetNs: 0, errorNs: 0 };
  return { type: "nodeInfo", nodeId, platform: "linux-x64", hostname: "lab", bootId: "b0", clock, pid: 42, versions };
}

/** What a node does. */
export function activity(nodeId: string, running: string[], more = 0, ended = 0): Activity {
  return { type: "activity", nodeId, running, more, ended };
}

/** An entry of a log. */
export function log(nodeId: string, text: string): LogEntry {
  return { type: "log", nodeId, time: 1_700_000_000_000_000_001n, tag: "system", text };
}

/** An error of a command. */
export function error(nodeId: string, message: string): ErrorItem {
  return { type: "error", nodeId, time: 1_700_000_000_000_000_001n, tag: "system", code: "command-failed", message };
}

/** What an end of a flow reports while it runs. */
export function progress(flow: string, report: Progress["report"]): Progress {
  return { type: "progress", nodeId: "left", flow, report };
}
