import { TineError } from "../base/errors.ts";

/** Longer parts of a path do not fit file systems. */
const MOST_PART_BYTES = 255;
const MOST_NAME_BYTES = 1024;
const MOST_PARTS = 16;

/** Names of folders of tests are cut here; numbers that tell them apart come on top. */
const MOST_FOLDER_CHARACTERS = 200;

const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** The id of the root node. */
export const ROOT_ID = "-";

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
  if (encoder.encode(name).length > MOST_NAME_BYTES) throw bad(`it is longer than ${MOST_NAME_BYTES} bytes`);
  if (name.startsWith("/")) throw bad("it must be relative");
  if (name.includes("\\")) throw bad("it has a backslash");
  if (/[\p{Cc}\p{Surrogate}\u2028\u2029]/u.test(name)) throw bad("it has a control character");
  const parts = name.split("/");
  if (parts.length > MOST_PARTS) throw bad(`it has more than ${MOST_PARTS} parts`);
  for (const part of parts) {
    if (part === "") throw bad("a part is empty");
    if (part === "." || part === "..") throw bad(`${part} is not allowed`);
    if (encoder.encode(part).length > MOST_PART_BYTES) throw bad(`a part is longer than ${MOST_PART_BYTES} bytes`);
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
  return name.slice(0, MOST_FOLDER_CHARACTERS) || "test";
}

/** The id of a test for people: `cca=bbr, name=fct`. */
export function testIdText(id: Readonly<Record<string, string>>): string {
  return Object.keys(id).sort().map((key) => `${key}=${id[key]}`).join(", ");
}

/** A time in the name of a run's folder: `2026-11-21T02-55-00Z`. */
export function runFolderName(started: Date): string {
  return started.toISOString().slice(0, 19).replaceAll(":", "-") + "Z";
}
