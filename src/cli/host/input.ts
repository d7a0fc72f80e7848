import { TineError, whyNotRead } from "../../base/errors.ts";
import { whyNotWritten } from "../../result/store_error.ts";
import { decompressed } from "../../wire/decompress.ts";
import { formatOfEnding, type InputFormat } from "../../udf/format/formats.ts";

/** Larger files are read once, and their types decided over the first rows. */
const READ_TWICE_BYTES = 256 * 2 ** 20;

/** An input of `tine host`. */
export interface Input {
  /** For messages. */
  name: string;
  /** Undefined: detected from the beginning. */
  format: InputFormat | undefined;
  /** The format that the file's name suggests. */
  likelyFormat?: InputFormat;
  stream: ReadableStream<Uint8Array>;
  /** Bytes, where they are known. */
  size: number | undefined;
  /** Opens a file once more, so that types are decided over all of it; the signal ends reading. */
  again?: (signal?: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
}

/** Endings of compressed files. */
const COMPRESSED = /\.(?:gz|zst)$/i;

/**
 * Opens files; `-`, or no file at all, is stdin. Data that is compressed by gzip or zstd is decompressed.
 *
 * @param format of all of them; undefined: what each looks like
 * @throws {TineError} `cannot-read`
 */
export async function openInputs(paths: readonly string[], format: InputFormat | undefined): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const path of paths.length === 0 ? ["-"] : paths) {
    if (path === "-") {
      const stream = decompressed(Deno.stdin.readable, "stdin");
      inputs.push({ name: "stdin", format, stream, size: undefined });
      continue;
    }
    try {
      const info = await Deno.stat(path);
      if (info.isDirectory) throw new Error("it is a folder");
      const file = await Deno.open(path);
      const plain = path.replace(COMPRESSED, "");
      const ending = plain.slice(plain.lastIndexOf(".") + 1);
      const input: Input = {
        name: path,
        format,
        likelyFormat: formatOfEnding(ending),
        stream: decompressed(file.readable, path),
        // What is in a compressed file is larger than the file.
        size: info.isFile && plain === path ? info.size : undefined,
      };
      if (info.isFile && info.size <= READ_TWICE_BYTES) {
        input.again = async (signal) =>
          decompressed((await Deno.open(path)).readable, path).pipeThrough(new TransformStream(), { signal });
      }
      inputs.push(input);
    } catch (error) {
      for (const { stream } of inputs) await stream.cancel();
      const reason = whyNotRead(error);
      throw new TineError("cannot-read", `cannot read ${path}: ${reason}`, { cause: error });
    }
  }
  return inputs;
}

/**
 * Reads a snapshot.
 *
 * @throws {TineError} `cannot-read`
 */
export async function readSnapshot(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    const reason = whyNotRead(error);
    throw new TineError("cannot-read", `cannot read the snapshot ${path}: ${reason}`, { cause: error });
  }
}

/**
 * Makes sure that a snapshot can have this name: before hours of input, not after them.
 *
 * @throws {TineError} `cannot-write` where there is no such folder, or the name is one
 */
export async function checkSnapshotPath(path: string): Promise<void> {
  const statOf = (path: string) => Deno.stat(path).catch(() => undefined);
  const reason = (await statOf(path))?.isDirectory
    ? "it is a folder"
    : (await statOf(path.replace(/[^/]*$/, "") || "."))?.isDirectory
    ? undefined
    : "there is no such folder";
  if (reason !== undefined) throw new TineError("cannot-write", `cannot write the snapshot ${path}: ${reason}`);
}

/**
 * Writes a snapshot: the file is there whole or not at all.
 *
 * @throws {TineError} `cannot-write`
 */
export async function writeSnapshot(path: string, snapshot: Uint8Array): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    await Deno.writeFile(temporary, snapshot, { createNew: true, mode: 0o600 });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new TineError("cannot-write", `cannot write the snapshot ${path}: ${whyNotWritten(error)}`, { cause: error });
  }
}
