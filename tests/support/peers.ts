/**
 * Finds other programs that speak protobuf, to compare ours with: protoc, and Python with its protobuf package.
 *
 * @example
 * ```ts ignore
 * import { findProtoc } from "./peers.ts";
 * const protoc = await findProtoc();
 * Deno.test({ name: named("agrees with protoc", protoc), ignore: !protoc.command, fn() {} });
 * ```
 *
 * @module
 */

const decoder = new TextDecoder();

/** The folder of udf.proto. */
export const PROTO_DIR = new URL("../../proto/", import.meta.url).pathname;

/** A program that may be missing on this machine. */
export interface Peer {
  /** How to call it; undefined: it is missing. */
  command: string | undefined;
  /** What is missing, for people. */
  missing: string;
}

/** What a program printed. */
export interface Output {
  stdout: Uint8Array<ArrayBuffer>;
  stderr: string;
  code: number;
}

/** Runs a program with this input to its end. */
export async function run(command: string, args: string[], input: Uint8Array = new Uint8Array()): Promise<Output> {
  await using child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writing = (async () => {
    const writer = child.stdin.getWriter();
    await writer.write(input);
    await writer.close();
  })().catch(() => {}); // it need not read all
  const [{ stdout, stderr, code }] = await Promise.all([child.output(), writing]);
  return { stdout, stderr: decoder.decode(stderr), code };
}

async function works(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await run(command, args)).code === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** protoc, from the PATH. */
export async function findProtoc(): Promise<Peer> {
  return { command: await works("protoc", "--version") ? "protoc" : undefined, missing: "protoc" };
}

/** A Python that has protobuf's package: the first one of the PATH may be another than the system's. */
export async function findPython(): Promise<Peer> {
  const missing = "Python with protobuf";
  for (const command of ["python3", "/usr/bin/python3"]) {
    if (await works(command, "-c", "import google.protobuf")) return { command, missing };
  }
  return { command: undefined, missing };
}

/**
 * Finds a Python that has a module, among all in the PATH: modules may have been installed for another than the first.
 *
 * @param module as `import` takes it
 * @param uses an expression that needs what the test needs: earlier versions of the module may lack it
 * @returns the program; `why` not, where there is none
 */
export async function findPythonWith(
  module: string,
  uses?: string,
): Promise<{ readonly python: string; readonly why?: string }> {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder.startsWith("/"));
  let old = false;
  for (const python of new Set(folders.map((folder) => `${folder}/python3`))) {
    if (!await works(python, "-c", `import ${module}`)) continue;
    if (uses === undefined || await works(python, "-c", `import ${module}; ${uses}`)) return { python };
    old = true;
  }
  return { python: "python3", why: `Python's ${module} is ${old ? "too old" : "not installed"}` };
}

/** The name of a test, with what is missing for it. */
export function named(name: string, ...peers: Peer[]): string {
  const missing = peers.filter((peer) => peer.command === undefined).map((peer) => peer.missing);
  return missing.length === 0 ? name : `${name} (skipped: ${missing.join(" and ")} not found)`;
}

/**
 * Makes the Python module `udf_pb2` from udf.proto.
 *
 * @returns the folder it is in; the caller removes it
 */
export async function generatePython(protoc: string): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "tine-pb2-" });
  const { code, stderr } = await run(protoc, [`--proto_path=${PROTO_DIR}`, `--python_out=${dir}`, "udf.proto"]);
  if (code === 0) return dir;
  await Deno.remove(dir, { recursive: true });
  throw new Error(`protoc: ${stderr}`);
}
