/** A page of the manual; its text is loaded when it is shown. */
export interface Topic {
  /** What the page is about, in one line. */
  readonly summary: string;
  /** The commands whose help names the page. */
  readonly commands: readonly string[];
  /** Imports the page, in Markdown. */
  load(): Promise<{ readonly default: string }>;
}

/**
 * The pages of the manual by name, in the order in which help lists them. On the web they are read as they are, in the
 * folder `topics`.
 */
export const topics: ReadonlyMap<string, Topic> = new Map<string, Topic>([
  ["plans", {
    summary: "Plans of tests: runs and their fields, modules that make plans, checking and running",
    commands: ["run", "vet", "schema", "init"],
    load: () => import("./topics/plans.md", { with: { type: "text" } }),
  }],
  ["nodes", {
    summary: "Nodes: processes, namespaces, root or not, and what happens when something dies",
    commands: ["run", "node serve"],
    load: () => import("./topics/nodes.md", { with: { type: "text" } }),
  }],
  ["ssh", {
    summary: "Nodes on other machines",
    commands: ["run", "node clean"],
    load: () => import("./topics/ssh.md", { with: { type: "text" } }),
  }],
  ["traffic", {
    summary: "TCP and UDP flows: how they behave, in plans and by hand",
    commands: ["tcp client", "udp client"],
    load: () => import("./topics/traffic.md", { with: { type: "text" } }),
  }],
  ["traffic-fields", {
    summary: "Fields of servers and clients in plans",
    commands: [],
    load: () => import("./topics/traffic-fields.md", { with: { type: "text" } }),
  }],
  ["by-hand", {
    summary: "Traffic without a plan: tine tcp and tine udp",
    commands: ["tcp server", "tcp client", "udp server", "udp client"],
    load: () => import("./topics/by-hand.md", { with: { type: "text" } }),
  }],
  ["transactions", {
    summary: "Requests and responses over TCP and UDP: their rate and latency",
    commands: ["tcp client", "udp client"],
    load: () => import("./topics/transactions.md", { with: { type: "text" } }),
  }],
  ["multicast", {
    summary: "Flows to a group, and each receiver's loss and delay",
    commands: ["udp server", "udp client"],
    load: () => import("./topics/multicast.md", { with: { type: "text" } }),
  }],
  ["stamp", {
    summary: "Routers as the other end: STAMP and TWAMP Light",
    commands: ["udp server", "udp client"],
    load: () => import("./topics/stamp.md", { with: { type: "text" } }),
  }],
  ["servers", {
    summary: "Servers that others use: limits, threads, counts, metrics, a systemd unit",
    commands: ["tcp server", "udp server"],
    load: () => import("./topics/servers.md", { with: { type: "text" } }),
  }],
  ["figures", {
    summary: "What each figure means and how it is measured",
    commands: ["tcp client", "udp client", "results"],
    load: () => import("./topics/figures.md", { with: { type: "text" } }),
  }],
  ["results", {
    summary: "The folder of results, and how to look at it",
    commands: ["run", "results", "log"],
    load: () => import("./topics/results.md", { with: { type: "text" } }),
  }],
  ["tables", {
    summary: "Tables of what was measured: their rows and columns",
    commands: ["export"],
    load: () => import("./topics/tables.md", { with: { type: "text" } }),
  }],
  ["export", {
    summary: "What was measured as files for other programs, live feeds to databases",
    commands: ["export"],
    load: () => import("./topics/export.md", { with: { type: "text" } }),
  }],
  ["bridge", {
    summary: "UDFs of plans: rows of a running test through any UDF, alerts, early ends, Kapacitor",
    commands: ["run", "host", "node bridge"],
    load: () => import("./topics/bridge.md", { with: { type: "text" } }),
  }],
  ["report", {
    summary: "Pages of what was measured, plots for papers, and live in a browser",
    commands: ["report", "run"],
    load: () => import("./topics/report.md", { with: { type: "text" } }),
  }],
  ["compare", {
    summary: "Compare figures of repeats: intervals, verdicts, and how many repeats they take",
    commands: ["compare"],
    load: () => import("./topics/compare.md", { with: { type: "text" } }),
  }],
  ["gates", {
    summary: "Gates: conditions in plans and for CI, verdicts, baselines",
    commands: ["gate", "run", "vet"],
    load: () => import("./topics/gates.md", { with: { type: "text" } }),
  }],
  ["library", {
    summary: "Run trees, own runners and readers of results from a program",
    commands: [],
    load: () => import("./topics/library.md", { with: { type: "text" } }),
  }],
  ["udf", {
    summary: "Write a UDF, try it by hand, run it",
    commands: ["agent", "host", "init"],
    load: () => import("./topics/udf.md", { with: { type: "text" } }),
  }],
  ["handlers", {
    summary: "The bundled handlers: means, quantiles, rates, anomalies, joins",
    commands: ["agent", "host"],
    load: () => import("./topics/handlers.md", { with: { type: "text" } }),
  }],
  ["kapacitor", {
    summary: "UDFs under a real Kapacitor: configuration, systemd, TICKscripts",
    commands: ["agent"],
    load: () => import("./topics/kapacitor.md", { with: { type: "text" } }),
  }],
  ["check", {
    summary: "What tine check looks at, and how to read what it prints",
    commands: ["check"],
    load: () => import("./topics/check.md", { with: { type: "text" } }),
  }],
  ["cases", {
    summary: "Cases of tests of UDFs: input, what is to come back, restarts, reports for CI",
    commands: ["test", "init", "schema"],
    load: () => import("./topics/cases.md", { with: { type: "text" } }),
  }],
  ["bench", {
    summary: "How fast a UDF is and what it takes: figures, and two UDFs side by side",
    commands: ["bench"],
    load: () => import("./topics/bench.md", { with: { type: "text" } }),
  }],
  ["supervision", {
    summary: "A relay that starts a crashed UDF again",
    commands: ["agent"],
    load: () => import("./topics/supervision.md", { with: { type: "text" } }),
  }],
  ["recordings", {
    summary: "Record conversations with a UDF, and replay them",
    commands: ["replay"],
    load: () => import("./topics/recordings.md", { with: { type: "text" } }),
  }],
  ["formats", {
    summary: "Points: line protocol, JSON lines, CSV, files of InfluxDB, Telegraf and Kapacitor",
    commands: ["host", "check"],
    load: () => import("./topics/formats.md", { with: { type: "text" } }),
  }],
  ["security", {
    summary: "What is trusted, what is checked, and all limits",
    commands: ["tcp server", "udp server"],
    load: () => import("./topics/security.md", { with: { type: "text" } }),
  }],
  ["permissions", {
    summary: "The least permissions of Deno that each command needs",
    commands: [],
    load: () => import("./topics/permissions.md", { with: { type: "text" } }),
  }],
  ["deployment", {
    summary: "Build one executable, and copy it",
    commands: ["completions"],
    load: () => import("./topics/deployment.md", { with: { type: "text" } }),
  }],
  ["exit-status", {
    summary: "Exit status, and the variables of the environment",
    commands: [],
    load: () => import("./topics/exit-status.md", { with: { type: "text" } }),
  }],
]);
