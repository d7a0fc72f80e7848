import { assertEquals } from "@std/assert";
import type { Item } from "../../../src/node/item.ts";
import type { Unsigned } from "../../../src/node/runner.ts";
import { resultStream, type ResultStreamConfig } from "../../../src/node/runners/result_stream.ts";
import { TestContext } from "./test_context.ts";
import { streamReport } from "../../flow/reports.ts";

const data = new Uint8Array();
const ALWAYS: Unsigned<Item>[] = [
  {
    type: "nodeInfo",
    platform: "linux-x64",
    hostname: "h",
    bootId: "",
    clock: { offsetNs: 0, errorNs: 0 },
    pid: 1,
    versions: { tine: "", deno: "", kernel: "" },
  },
  { type: "nodeEnd", clock: { offsetNs: 0, errorNs: 0 }, time: 0n },
  { type: "error", time: 0n, tag: "", code: "x", message: "" },
  { type: "feedback", values: {} },
  { type: "progress", flow: "bulk.1", report: streamReport() },
  { type: "activity", running: [], more: 0, ended: 0 },
];
const OTHERS: Record<string, Unsigned<Item>> = {
  log: { type: "log", time: 0n, tag: "", text: "" },
  "a.txt": { type: "fileData", name: "a.txt", data },
  "b/a.txt": { type: "fileData", name: "b/a.txt", data },
  sysInfo: { type: "sysInfo", sections: {} },
  info1: { type: "streamInfo", flow: "bulk.1", tinit: 0n, server: false, values: {} },
  info2: { type: "packetInfo", flow: "udp.2", tinit: 0n, server: false, values: {} },
  bulk1: { type: "records", flow: "bulk.1", chunk: data },
  udp2: { type: "records", flow: "udp.2", chunk: data },
  runs: { type: "runTimes", runs: [] },
};

async function chosen(config: ResultStreamConfig): Promise<string[]> {
  await using context = new TestContext();
  await resultStream.run(config, context);
  for (const item of ALWAYS) assertEquals(context.chosen!(item), true, item.type);
  return Object.keys(OTHERS).filter((name) => context.chosen!(OTHERS[name]));
}

Deno.test("resultStream chooses everything when nothing is left out", async () => {
  assertEquals(await chosen({}), Object.keys(OTHERS));
  assertEquals(await chosen({ include: { all: true } }), Object.keys(OTHERS));
  assertEquals(await chosen({ exclude: {} }), Object.keys(OTHERS));
});

Deno.test("resultStream chooses nothing that can wait when nothing is named", async () => {
  assertEquals(await chosen({ include: {} }), []);
  assertEquals(await chosen({ exclude: { all: true } }), []);
  assertEquals(await chosen({ include: { log: true }, exclude: { log: true } }), []);
});

Deno.test("resultStream chooses log entries, files by pattern and flows by id", async () => {
  assertEquals(await chosen({ include: { log: true } }), ["log"]);
  assertEquals(await chosen({ include: { file: ["*.txt"] } }), ["a.txt"]);
  assertEquals(await chosen({ include: { file: ["**/*.txt"] } }), ["a.txt", "b/a.txt"]);
  assertEquals(await chosen({ include: { flow: ["bulk.1"] } }), ["info1", "bulk1"]);
  assertEquals(await chosen({ include: { log: true, flow: ["udp.2"], file: ["b/*"] } }), [
    "log",
    "b/a.txt",
    "info2",
    "udp2",
  ]);
});

Deno.test("resultStream leaves out what is excluded of what is included", async () => {
  assertEquals(await chosen({ exclude: { flow: ["bulk.1", "udp.2"] } }), [
    "log",
    "a.txt",
    "b/a.txt",
    "sysInfo",
    "runs",
  ]);
  assertEquals(await chosen({ include: { file: ["**"] }, exclude: { file: ["b/**"] } }), ["a.txt"]);
});
