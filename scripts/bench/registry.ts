import type { Benchmark } from "./benchmark.ts";

/** All benchmarks by name, in the order in which they run. Each is loaded when it runs. */
export const registry: ReadonlyMap<string, () => Promise<{ readonly benchmark: Benchmark }>> = new Map([
  ["agent-throughput", () => import("./agent_throughput.ts")],
  ["cpp-throughput", () => import("./cpp_throughput.ts")],
  ["handler-throughput", () => import("./handler_throughput.ts")],
  ["module-throughput", () => import("./module_throughput.ts")],
  ["text-formats", () => import("./text_formats.ts")],
  ["round-trip", () => import("./round_trip.ts")],
  ["agent-memory", () => import("./agent_memory.ts")],
  ["help", () => import("./help.ts")],
  ["node-launch", () => import("./node_launch.ts")],
  ["node-records", () => import("./node_records.ts")],
  ["node-logs", () => import("./node_logs.ts")],
  ["node-memory", () => import("./node_memory.ts")],
  ["system-calls", () => import("./system_calls.ts")],
  ["tcp-throughput", () => import("./tcp_throughput.ts")],
  ["udp-throughput", () => import("./udp_throughput.ts")],
  ["udp-pace", () => import("./udp_pace.ts")],
  ["udp-echo", () => import("./udp_echo.ts")],
  ["transactions", () => import("./transactions.ts")],
  ["udp-recording", () => import("./udp_recording.ts")],
  ["bridge", () => import("./bridge.ts")],
  ["export", () => import("./export.ts")],
  ["second-look", () => import("./second_look.ts")],
  ["report-page", () => import("./report_page.ts")],
  ["ssh-launch", () => import("./ssh_launch.ts")],
]);
