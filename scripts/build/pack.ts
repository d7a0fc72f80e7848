import { version } from "../../src/cli/version.ts";
import { TineError } from "../../src/base/errors.ts";
import type { Platform } from "./platform.ts";
import { bundle, importMap, root, unstableFlags } from "./program.ts";

/** The head is padded to this, so that it can name its own length. */
const HEAD_BYTES = 32_768;

const IMPORT_MAP = "imports.json";

const START = "scripts/build/packed_start.ts";
const NODE = "scripts/build/packed_node.ts";

/**
 * Packs a deno binary and the bundled program into one self-extracting file.
 *
 * @param platform what it is for
 * @param denoPath a deno executable for that platform
 * @param out the file to write
 * @throws {TineError} when the program cannot be bundled
 */
export async function pack(platform: Platform, denoPath: string, out: string): Promise<void> {
  const program = (await bundle(START, NODE)).set(IMPORT_MAP, importMap);
  const script = await Deno.readTextFile(new URL("./packed_install.js", import.meta.url));
  const install = `const files = ${JSON.stringify(Object.fromEntries(program))};\n${script}`;
  const binary = await Deno.readFile(denoPath);
  const binaryHash = await sha256(binary);
  const denoGzip = await gzippedOnce(binary, binaryHash);
  const programGzip = await gzip(new TextEncoder().encode(install));

  const head = await Deno.readTextFile(new URL("./packed_head.sh", import.meta.url));
  const fill = (hash: string) =>
    fillIn(head, {
      VERSION: version,
      PLATFORM: platform.name,
      HASH: hash,
      HEAD_BYTES: String(HEAD_BYTES),
      DENO_BYTES: String(denoGzip.length),
      PROGRAM_BYTES: String(programGzip.length),
      FILES: sizes(binary.length, program).join(" "),
      DENO_FLAGS: unstableFlags.join(" "),
      IMPORT_MAP,
      ENTRY: START.replace(/\.ts$/, ".js"),
    });
  const contents = await sha256(new TextEncoder().encode([fill(""), binaryHash, install].join("\n")));
  await write(out, [padded(fill(contents.slice(0, 32))), denoGzip, programGzip]);
}

/** `size:name` of every file of an unpacked entry, in the order of their names, as the head expects them. */
function sizes(binaryBytes: number, program: ReadonlyMap<string, string>): string[] {
  const encoder = new TextEncoder();
  const paths = [...program.keys()].sort();
  return [
    `${binaryBytes}:deno`,
    ...paths.map((path) => `${encoder.encode(program.get(path)).length}:program/${path}`),
  ];
}

function fillIn(head: string, values: Record<string, string>): string {
  return head.replace(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined || value.includes("'")) throw new TineError("pack", `no value for @${name}@`);
    return value;
  });
}

function padded(head: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(head);
  if (bytes.length > HEAD_BYTES) throw new TineError("pack", `the head has ${bytes.length} bytes of ${HEAD_BYTES}`);
  const all = new Uint8Array(HEAD_BYTES).fill("\n".charCodeAt(0));
  all.set(bytes);
  return all;
}

/** Compressing the binary takes seconds and always gives the same, so the result is kept in .build. */
async function gzippedOnce(binary: Uint8Array<ArrayBuffer>, hash: string): Promise<Uint8Array<ArrayBuffer>> {
  const kept = `${root}.build/cache/deno-${hash.slice(0, 32)}.gz`;
  try {
    return await Deno.readFile(kept);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const compressed = await gzip(binary);
  try {
    await write(kept, [compressed]);
  } catch (error) {
    // The checkout of somebody else: then it is compressed each time.
    const readOnly = (error as { code?: string }).code === "EROFS";
    if (!readOnly && !(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
  return compressed;
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Writes an executable file whole or not at all. */
async function write(path: string, parts: Uint8Array<ArrayBuffer>[]): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  const temporary = `${path}.${crypto.randomUUID()}`;
  await Deno.writeFile(temporary, new Blob(parts).stream(), { mode: 0o755 });
  await Deno.rename(temporary, path);
}
