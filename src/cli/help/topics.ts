/** A page of the manual; its text is loaded when it is shown. */
export interface Topic {
  /** The part of the manual that it belongs to. */
  readonly part: "Network tests" | "Traffic" | "Results" | "UDFs" | "Reference";
  /** What the page is about, in one line. */
  readonly summary: string;
  /** The commands whose help names the page. */
  readonly commands: readonly string[];
  /** Imports the page, in Markdown. */
  load(): Promise<{ readonly default: string }>;
}

/**
 * The pages of the manual by name, in the order in which help lists them, part by part. On the web they are read as they are, in the
 * folder `topics`.
 */
export const topics: ReadonlyMap<string, Topic> = new Map<string, Topic>([
  ["plans", {
    part: "Network tests",
    summary: "Tests as trees of runs: fields, modules, checking and running",
    commands: ["run", "vet", "schema", "init"],
    load: () => import("./topics/plans.md", { with: { type: "text" } }),
  }],
  ["nodes", {
    part: "Network tests",
    summary: "Processes and network namespaces that run tests, root or not",
    commands: ["run", "node serve"],
    load: () => import("./topics/nodes.md", { with: { type: "text" } }),
  }],
  ["ssh", {
    part: "Network tests",
    summary: "Nodes on other machines",
    commands: ["run", "node clean"],
    load: () => import("./topics/ssh.md", { with: { type: "text" } }),
  }],
  ["library", {
    part: "Network tests",
    summary: "Run trees, own runners and readers of results in programs",
    commands: [],
    load: () => import("./topics/library.md", { with: { type: "text" } }),
  }],
  ["traffic", {
    part: "Traffic",
    summary: "TCP and UDP flows: how they behave, in plans and by hand",
    commands: ["tcp client", "udp client"],
    load: () => import("./topics/traffic.md", { with: { type: "text" } }),
  }],
  ["traffic-fields", {
    part: "Traffic",
    summary: "Fields of servers and clients in plans",
    commands: [],
    load: () => import("./topics/traffic-fields.md", { with: { type: "text" } }),
  }],
  ["by-hand", {
    part: "Traffic",
    summary: "Traffic without a plan: tine tcp and tine udp",
    commands: ["tcp server", "tcp client", "udp server", "udp client"],
    load: () => import("./topics/by-hand.md", { with: { type: "text" } }),
  }],
  ["transactions", {
    part: "Traffic",
    summary: "Requests and responses: their rate and latency",
    commands: ["tcp client", "udp client"],
    load: () => import("./topics/transactions.md", { with: { type: "text" } }),
  }],
  ["multicast", {
    part: "Traffic",
    summary: "Flows to a group, with the loss and delay of each receiver",
    commands: ["udp server", "udp client"],
    load: () => import("./topics/multicast.md", { with: { type: "text" } }),
  }],
  ["stamp", {
    part: "Traffic",
    summary: "Routers as the other end: STAMP and TWAMP Light",
    commands: ["udp server", "udp client"],
    load: () => import("./topics/stamp.md", { with: { type: "text" } }),
  }],
  ["servers", {
    part: "Traffic",
    summary: "Servers that others use: limits, threads, metrics, systemd",
    commands: ["tcp server", "udp server"],
    load: () => import("./topics/servers.md", { with: { type: "text" } }),
  }],
  ["results", {
    part: "Results",
    summary: "The folder of results, and how to look at it",
    commands: ["run", "results", "log"],
    load: () => import("./topics/results.md", { with: { type: "text" } }),
  }],
  ["figures", {
    part: "Results",
    summary: "What each figure means and how it is measured",
    commands: ["tcp client", "udp client", "results"],
    load: () => import("./topics/figures.md", { with: { type: "text" } }),
  }],
  ["tables", {
    part: "Results",
    summary: "Tables of what was measured: their rows and columns",
    commands: ["export"],
    load: () => import("./topics/tables.md", { with: { type: "text" } }),
  }],
  ["export", {
    part: "Results",
    summary: "Tables as files for other programs, live feeds to databases",
    commands: ["export"],
    load: () => import("./topics/export.md", { with: { type: "text" } }),
  }],
  ["report", {
    part: "Results",
    summary: "Pages of results, plots for papers, live in a browser",
    commands: ["report", "run"],
    load: () => import("./topics/report.md", { with: { type: "text" } }),
  }],
  ["compare", {
    part: "Results",
    summary: "Repeats side by side: intervals, verdicts, how many it takes",
    commands: ["compare"],
    load: () => import("./topics/compare.md", { with: { type: "text" } }),
  }],
  ["gates", {
    part: "Results",
    summary: "Conditions in plans and for CI, verdicts, baselines",
    commands: ["gate", "run", "vet"],
    load: () => import("./topics/gates.md", { with: { type: "text" } }),
  }],
  ["bridge", {
    part: "Results",
    summary: "UDFs in plans: rows of a running test, alerts, early ends",
    commands: ["run", "host", "node bridge"],
    load: () => import("./topics/bridge.md", { with: { type: "text" } }),
  }],
  ["udf", {
    part: "UDFs",
    summary: "Write a UDF, try it by hand, run it",
    commands: ["agent", "host", "init"],
    load: () => import("./topics/udf.md", { with: { type: "text" } }),
  }],
  ["handlers", {
    part: "UDFs",
    summary: "Bundled handlers: means, quantiles, rates, anomalies, joins",
    commands: ["agent", "host"],
    load: () => import("./topics/handlers.md", { with: { type: "text" } }),
  }],
  ["kapacitor", {
    part: "UDFs",
    summary: "UDFs under Kapacitor: configuration, systemd, TICKscripts",
    commands: ["agent"],
    load: () => import("./topics/kapacitor.md", { with: { type: "text" } }),
  }],
  ["check", {
    part: "UDFs",
    summary: "What tine check looks at, and how to read its output",
    commands: ["check"],
    load: () => import("./topics/check.md", { with: { type: "text" } }),
  }],
  ["cases", {
    part: "UDFs",
    summary: "Tests of UDFs: input, what is to come back, reports for CI",
    commands: ["test", "init", "schema"],
    load: () => import("./topics/cases.md", { with: { type: "text" } }),
  }],
  ["bench", {
    part: "UDFs",
    summary: "How fast a UDF is and what it takes; two UDFs side by side",
    commands: ["bench"],
    load: () => import("./topics/bench.md", { with: { type: "text" } }),
  }],
  ["supervision", {
    part: "UDFs",
    summary: "A relay that starts a crashed UDF again",
    commands: ["agent"],
    load: () => import("./topics/supervision.md", { with: { type: "text" } }),
  }],
  ["recordings", {
    part: "UDFs",
    summary: "Record conversations with a UDF, and replay them",
    commands: ["replay"],
    load: () => import("./topics/recordings.md", { with: { type: "text" } }),
  }],
  ["formats", {
    part: "UDFs",
    summary: "Points: line protocol, JSON, CSV, files of other programs",
    commands: ["host", "check"],
    load: () => import("./topics/formats.md", { with: { type: "text" } }),
  }],
  ["security", {
    part: "Reference",
    summary: "What is trusted, what is checked, and all limits",
    commands: ["tcp server", "udp server"],
    load: () => import("./topics/security.md", { with: { type: "text" } }),
  }],
  ["permissions", {
    part: "Reference",
    summary: "The least permissions of Deno that each command needs",
    commands: [],
    load: () => import("./topics/permissions.md", { with: { type: "text" } }),
  }],
  ["deployment", {
    part: "Reference",
    summary: "Build one executable, and copy it",
    commands: ["completions"],
    load: () => import("./topics/deployment.md", { with: { type: "text" } }),
  }],
  ["exit-status", {
    part: "Reference",
    summary: "Exit status, and the variables of the environment",
    commands: [],
    load: () => import("./topics/exit-status.md", { with: { type: "text" } }),
  }],
]);
