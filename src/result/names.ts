import { NODE_ID, ROOT_ID } from "../base/limits.ts";
import { TineError } from "../base/errors.ts";
import type { Test } from "../node/plan/types.ts";
import { sortedJson } from "../node/plan/visits.ts";

/** Longer parts of a path do not fit file systems. */
const MAX_PART_BYTES = 255;
const MAX_NAME_BYTES = 1024;
const MAX_PARTS = 16;

/** Names of folders of tests are cut here; numbers that make them unique come on top. */
const MAX_FOLDER_CHARACTERS = 200;

/** The root's log; no other node has an id that begins like this. */
const ROOT_FILE = "_root";

const encoder = new TextEncoder();

/**
 * The parts of the name that a node gave a file. Whatever it is, they stay in the folder that they are put in.
 *
 * @throws {TineError} `bad-file-name`, if it is no relative path, or could be another one elsewhere
 */
export function fileNameParts(name: string, nodeId: string): string[] {
  const bad = (what: string) =>
    new TineError("bad-file-name", `node ${nodeId} named a file ${JSON.stringify(name.slice(0, 200))}: ${what}`);
  if (name === "") throw bad("the name is empty");
  if (encoder.encode(name).length > MAX_NAME_BYTES) throw bad(`it is longer than ${MAX_NAME_BYTES} bytes`);
  if (name.startsWith("/")) throw bad("it must be relative");
  if (name.includes("\\")) throw bad("it has a backslash");
  if (/[\p{Cc}\p{Surrogate}\u2028\u2029]/u.test(name)) throw bad("it has a control character");
  const parts = name.split("/");
  if (parts.length > MAX_PARTS) throw bad(`it has more than ${MAX_PARTS} parts`);
  for (const part of parts) {
    if (part === "") throw bad("a part is empty");
    if (part === "." || part === "..") throw bad(`${part} is not allowed`);
    if (encoder.encode(part).length > MAX_PART_BYTES) throw bad(`a part is longer than ${MAX_PART_BYTES} bytes`);
  }
  return parts;
}

/**
 * Checks the id of a node that a result came from.
 *
 * @throws {TineError} `bad-node-id`
 */
export function checkNodeId(nodeId: string): void {
  if (nodeId === ROOT_ID || NODE_ID.test(nodeId)) return;
  const shown = JSON.stringify(nodeId.slice(0, 100));
  throw new TineError("bad-node-id", `a result is from a node with the id ${shown}, which no node can have`);
}

/** The name of a node's log; the id was checked. */
export function logFileName(nodeId: string): string {
  return `${nodeId === ROOT_ID ? ROOT_FILE : nodeId}.jsonl`;
}

/** The node whose log has this name; undefined for other files. */
export function nodeOfLog(fileName: string): string | undefined {
  const name = fileName.endsWith(".jsonl") ? fileName.slice(0, -".jsonl".length) : "";
  if (name === ROOT_FILE) return ROOT_ID;
  return NODE_ID.test(name) ? name : undefined;
}

/** The name of a test's folder, such as `cca=bbr,name=fct`; ids that differ have different ones, unless they are long. */
export function testFolderName(id: Readonly<Record<string, string>>): string {
  // What separates names and values is escaped inside them, and with it all that means something to a file system.
  const safe = (text: string) =>
    text.replace(
      /[^A-Za-z0-9_.+\-@]/gu,
      (character) =>
        Array.from(encoder.encode(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(
          "",
        ),
    );
  const name = Object.keys(id).sort().map((key) => `${safe(key)}=${safe(id[key])}`).join(",");
  return name.slice(0, MAX_FOLDER_CHARACTERS) || "test";
}

/** The id of a test for people: `cca=bbr, name=fct`. */
export function testIdText(id: Readonly<Record<string, string>>): string {
  return Object.keys(id).sort().map((key) => `${key}=${id[key]}`).join(", ");
}

/** A time in the name of a run's folder: `2026-11-21T02-55-00Z`. */
export function runFolderName(started: Date): string {
  return started.toISOString().slice(0, 19).replaceAll(":", "-") + "Z";
}

/** The link to the run that was completed last. */
export const LATEST = "latest";

/**
 * Checks that the link can be set later.
 *
 * @throws {TineError} `latest-not-link`, if something else has its name
 */
export async function checkLatest(out: string): Promise<void> {
  try {
    if ((await Deno.lstat(`${out}/${LATEST}`)).isSymlink) return;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new TineError(
    "latest-not-link",
    `${out}/${LATEST} is no link, so that it cannot lead to the results of the latest run: remove or rename it`,
  );
}

/** Makes the link lead to a run, atomically. */
export async function setLatest(out: string, runName: string): Promise<void> {
  // A link is made under a name of its own and renamed: there is no call that replaces a link.
  const path = `${out}/.${LATEST}-${crypto.randomUUID()}`;
  await Deno.symlink(runName, path);
  try {
    await Deno.rename(path, `${out}/${LATEST}`);
  } catch (error) {
    await Deno.remove(path);
    throw error;
  }
}

/**
 * Returns what identifies a test: SHA-256 of it as JSON with sorted keys, without gates, which bear on nothing that it
 * measures.
 *
 * @example
 * ```ts
 * import { hashTest } from "./names.ts";
 * const hash = await hashTest({ id: { name: "hello" }, timeout: 60_000, sleep: 1000 });
 * console.assert(hash === await hashTest({ sleep: 1000, timeout: 60_000, id: { name: "hello" } }));
 * ```
 */
export async function hashTest({ gates: _, ...test }: Test): Promise<string> {
  const bytes = new TextEncoder().encode(sortedJson(test));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
