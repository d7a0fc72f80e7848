import { whyNotRead } from "../../base/errors.ts";
import { UsageError } from "../errors.ts";
import { escape } from "../terminal.ts";

/** The variable that holds a key. */
export const KEY_VARIABLE = "TINE_KEY";
/** The minimum length of a key: a shorter one could be guessed. */
const MIN_CHARACTERS = 32;
/** The maximum size of a file with a key. */
const MAX_BYTES = 65_536;
/** Permissions of a file: its group and all others may read it. */
const READ_BY_OTHERS = 0o044;

/**
 * Reads the key that clients and servers share, from a file or else from the variable TINE_KEY: any text of 32
 * characters or more. Blanks around it do not count.
 *
 * @param file the path, if there is one
 * @returns 32 bytes, the SHA-256 of the text; undefined where there is no key
 * @throws {UsageError} for a key that is too short, or a file that cannot be read or holds no key
 */
export async function readFlowKey(file: string | undefined): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const text = await readKeyText(file);
  if (text === undefined) return undefined;
  checkLength(text.length, MIN_CHARACTERS, "characters", file);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** A secret as other programs and routers have it: these bytes, behind 0x as hexadecimal digits. */
const HEX = /^0x(?:[0-9A-Fa-f]{2})+$/;
/** Routers have shorter secrets than this program would take. */
const MIN_SECRET_BYTES = 8;

/**
 * Reads the secret that the ends of a session of STAMP share, as {@linkcode readFlowKey} does: text, or 0x and
 * hexadecimal digits for its bytes.
 *
 * @param file the path, if there is one
 * @returns the bytes of the secret; undefined without one
 * @throws {UsageError} as {@linkcode readFlowKey} does
 */
export async function readStampKey(file: string | undefined): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const text = await readKeyText(file);
  if (text === undefined) return undefined;
  const bytes = HEX.test(text) ? Uint8Array.fromHex(text.slice(2)) : new TextEncoder().encode(text);
  checkLength(bytes.length, MIN_SECRET_BYTES, "bytes", file);
  return bytes;
}

function checkLength(length: number, least: number, unit: string, file: string | undefined): void {
  if (length >= least) return;
  throw new UsageError(
    `${sourceOf(file)}: expected a key of ${least} ${unit} or more, not of ${length}; openssl rand -hex 32 makes one`,
  );
}

function sourceOf(file: string | undefined): string {
  return file === undefined ? KEY_VARIABLE : `--key-file ${escape(file)}`;
}

async function readKeyText(file: string | undefined): Promise<string | undefined> {
  const text = (file === undefined ? Deno.env.get(KEY_VARIABLE) : await readKeyFile(file))?.trim();
  return text === "" && file === undefined ? undefined : text;
}

async function readKeyFile(path: string): Promise<string> {
  const name = sourceOf(path);
  let bytes: Uint8Array;
  try {
    using file = await Deno.open(path);
    const { isFile, mode } = await file.stat();
    if (isFile && mode !== null && (mode & READ_BY_OTHERS) !== 0) {
      console.error(`tine: ${name}: other users can read it; chmod 600 keeps them out`);
    }
    bytes = await readUpTo(file, MAX_BYTES + 1);
  } catch (error) {
    const reason = whyNotRead(error);
    throw new UsageError(`${name}: cannot be read: ${reason}`, { cause: error });
  }
  if (bytes.length > MAX_BYTES) throw new UsageError(`${name}: expected a key of at most ${MAX_BYTES} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UsageError(`${name}: expected text, not other bytes; openssl rand -hex 32 makes a key`, { cause: error });
  }
}

async function readUpTo(file: Deno.FsFile, most: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(most);
  let length = 0;
  for (let count; length < most && (count = await file.read(bytes.subarray(length))) !== null;) length += count;
  return bytes.subarray(0, length);
}
