/** Flows as nodes tell of them. */

import { ChunkWriter } from "../../src/flow/records/chunk_writer.ts";
import type { ColumnName, RecordKind, Sample } from "../../src/flow/records/format.ts";
import type { FlowInfo, Item, NodeInfo, Progress } from "../../src/node/item.ts";
import type { Message } from "../../src/node/protocol/frame.ts";
import { item, startRun, testNamed } from "./fixtures.ts";

/** Samples as a node sends them: a chunk, or several where they do not fit one. */
export function* recordsOf<K extends RecordKind>(
  nodeId: string,
  flow: string,
  kind: K,
  samples: Iterable<Partial<Sample<K>>>,
): Generator<Message, void, void> {
  const writer = new ChunkWriter(kind);
  for (const sample of samples) {
    if (writer.full) yield item({ type: "records", nodeId, flow, chunk: writer.take().slice() });
    const i = writer.next();
    for (const name of Object.keys(writer.columns) as ColumnName<K>[]) writer.columns[name][i] = sample[name] ?? 0;
  }
  if (writer.length > 0) yield item({ type: "records", nodeId, flow, chunk: writer.take().slice() });
}

/** What an end of a flow tells before its samples. */
export function info(
  type: FlowInfo["type"],
  nodeId: string,
  flow: string,
  { server = false, tinit = 1_000n, values = {} }: Partial<Pick<FlowInfo, "server" | "tinit" | "values">>,
): Message {
  return item({ type, nodeId, flow, server, tinit, values });
}

/** A report of an end. */
export function progressOf(nodeId: string, flow: string, report: Progress["report"]): Message {
  return item({ type: "progress", nodeId, flow, report });
}

/** A node of a machine; with its clock when it started. */
export function node(
  nodeId: string,
  bootId: string,
  { clock = { offsetNs: 0, errorNs: 0 }, time }: Partial<Pick<NodeInfo, "clock" | "time">> = {},
): Message {
  const versions = { tine: "1", deno: "2", kernel: "6" };
  const info: NodeInfo = {
    type: "nodeInfo",
    nodeId,
    platform: "linux-x64",
    hostname: "h",
    bootId,
    clock,
    time,
    pid: 1,
    versions,
  };
  return item(info satisfies Item);
}

/** Stores a test; returns its folder. */
export async function record(out: string, messages: Iterable<Message>): Promise<string> {
  await using run = await startRun(out);
  const store = await run.startTest(testNamed("a"));
  for (const message of messages) await store.add(message);
  await store.finish({ status: "ok" });
  await run.finish();
  return `${run.path}/name=a`;
}
