import type { AnyCommand } from "./command.ts";

/** A subcommand that is loaded when it is called, not before. */
export interface Entry {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Imports its declaration. */
  load(): Promise<{ readonly command: AnyCommand }>;
}

/** Subcommands by name; a name of two words is a subcommand of a subcommand. */
export type Registry = ReadonlyMap<string, Entry>;

/** All subcommands, in the order in which help lists them. */
export const registry: Registry = new Map<string, Entry>([
  ["agent", {
    summary: "Run a UDF: as a child on stdio, as a socket server, or supervised",
    load: () => import("./agent/agent.ts"),
  }],
  ["host", {
    summary: "Drive a UDF with points and print what it returns",
    load: () => import("./host/host.ts"),
  }],
  ["check", {
    summary: "Check whether a UDF speaks the protocol correctly",
    load: () => import("./check.ts"),
  }],
  ["test", {
    summary: "Test a UDF by cases: input, and what is to come back",
    load: () => import("./test/test_cases.ts"),
  }],
  ["replay", {
    summary: "Replay a recording to a UDF and compare its answers",
    load: () => import("./replay/replay.ts"),
  }],
  ["bench", {
    summary: "Measure how fast a UDF is, and what it takes",
    load: () => import("./bench/bench.ts"),
  }],
  ["run", {
    summary: "Run a plan of tests and store what they measure",
    load: () => import("./run/run.ts"),
  }],
  ["node clean", {
    summary: "Remove the executables that are kept on another machine",
    load: () => import("./node/clean.ts"),
  }],
  ["tcp server", {
    summary: "Serve TCP flows to clients, many at once",
    load: () => import("./traffic/tcp_server.ts"),
  }],
  ["tcp client", {
    summary: "Run TCP flows to a server and measure them",
    load: () => import("./traffic/tcp_client.ts"),
  }],
  ["udp server", {
    summary: "Serve UDP flows to clients, many at once",
    load: () => import("./traffic/udp_server.ts"),
  }],
  ["udp client", {
    summary: "Run UDP flows to a server and measure delay, loss and order",
    load: () => import("./traffic/udp_client.ts"),
  }],
  ["results", {
    summary: "List runs, tests and what was measured",
    load: () => import("./results/results.ts"),
  }],
  ["export", {
    summary: "Write what was measured as CSV, JSON, Parquet or to a server",
    load: () => import("./export/export.ts"),
  }],
  ["report", {
    summary: "Make a page, or a picture for a paper, of what was measured",
    load: () => import("./report/report.ts"),
  }],
  ["compare", {
    summary: "Compare figures of repeats: is it better?",
    load: () => import("./compare/compare.ts"),
  }],
  ["gate", {
    summary: "Check figures against limits: is it good enough?",
    load: () => import("./gate/gate.ts"),
  }],
  ["log", {
    summary: "Print the logs of a run, merged by time",
    load: () => import("./log.ts"),
  }],
  ["vet", {
    summary: "Check a plan without running it",
    load: () => import("./vet.ts"),
  }],
  ["schema", {
    summary: "Print the JSON Schema of plans, of cases of UDFs, or of figures",
    load: () => import("./schema/schema.ts"),
  }],
  ["init", {
    summary: "Write a UDF or a plan to start from",
    load: () => import("./init/init.ts"),
  }],
  ["completions", {
    summary: "Print a completion script for bash, zsh or fish",
    load: () => import("./completions/completions.ts"),
  }],
  ["node serve", {
    summary: "Be a node of a test; tine run starts it",
    load: () => import("./node/serve.ts"),
  }],
  ["node bridge", {
    summary: "Run the UDFs of a test; tine run starts it",
    load: () => import("./node/bridge.ts"),
  }],
  ["node udf", {
    summary: "Run the module of a UDF; tine run starts it",
    load: () => import("./node/udf.ts"),
  }],
]);
