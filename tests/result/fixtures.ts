/** Results that tests store. */

import type { Item } from "../../src/node/item.ts";
import type { Test } from "../../src/node/plan/types.ts";
import { Kind, type Message } from "../../src/node/protocol/frame.ts";
import { encodeItem } from "../../src/node/protocol/kinds.ts";
import { createRun, type RunFolder, type RunFolderOptions } from "../../src/result/mod.ts";
import { TineError } from "../../src/base/errors.ts";

/** When runs of tests start. */
export const STARTED = new Date("2026-11-21T02:55:00Z");

/** A test that is told from others by its name. */
export function testNamed(name: string, id: Record<string, string> = {}): Test {
  return { id: { name, ...id }, timeout: 1000, sleep: 5 } as Test;
}

/** Starts a run. */
export function startRun(out: string, options: Partial<RunFolderOptions> = {}): Promise<RunFolder> {
  const plan = { tests: [testNamed("hello")] };
  return createRun(out, plan, { planName: "hello.yaml", tine: "1.2.3", started: STARTED, ...options });
}

/** A piece of a file. */
export function fileData(nodeId: string, name: string, data: string | Uint8Array = "x"): Message {
  const payload = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return { kind: Kind.fileData, origin: nodeId, name, payload };
}

/** An entry of a log. */
export function log(nodeId: string, time: bigint | number, text: string, tag = "system"): Message {
  return encodeItem({ type: "log", nodeId, time: BigInt(time), tag, text });
}

/** An error. */
export function errorMessage(nodeId: string, message: string): Message {
  return encodeItem({ type: "error", nodeId, time: 1_000n, tag: "system", code: "command-failed", message });
}

/** Any item. */
export function item(item: Item): Message {
  return encodeItem(item);
}

/** The code and message of what a promise rejects with. */
export async function rejection(promise: Promise<unknown> | undefined): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TineError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("it did not reject");
}

/** Runs a test with a temporary folder. */
export async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tine-results-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** All that is in a folder, by path, sorted; links with where they lead. */
export async function listing(folder: string, below = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    const path = below + name;
    if (isSymlink) paths.push(`${path} -> ${await Deno.readLink(`${folder}/${name}`)}`);
    else paths.push(path);
    if (isDirectory) paths.push(...await listing(`${folder}/${name}`, `${path}/`));
  }
  return paths.sort();
}
