import { writeAll } from "../../../wire/connection.ts";
import { messageOf, TineError } from "../../../base/errors.ts";
import type { RunContext } from "../../runner.ts";
import { CHUNK_BYTES } from "./byte_chunks.ts";
import type { Output, OutputName } from "./output.ts";

/** Keeps an output in a temporary file, and sends it as a file at its end; an empty one as well. */
export class BufferedFile implements Output {
  readonly #file: string;
  readonly #name: OutputName;
  readonly #context: RunContext;
  #temporary: { readonly path: string; readonly file: Deno.FsFile } | undefined;

  constructor(file: string, name: OutputName, context: RunContext) {
    this.#file = file;
    this.#name = name;
    this.#context = context;
  }

  /** @throws {TineError} `temporary-file`, if it cannot be written; what came before is sent nevertheless */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      this.#temporary ??= await createTemporary(await this.#context.temporaryFolder());
      await writeAll(this.#temporary.file, bytes);
    } catch (error) {
      throw this.#failed("written", error);
    }
  }

  async end(): Promise<void> {
    if (this.#temporary === undefined) {
      await this.#context.send({ type: "fileData", name: this.#file, data: new Uint8Array() });
      return;
    }
    using file = this.#temporary.file;
    // Its name is not needed any more; the disk space is free once it is closed.
    await Deno.remove(this.#temporary.path);
    await file.seek(0, Deno.SeekMode.Start);
    for (let data = await this.#read(file); data !== undefined; data = await this.#read(file)) {
      await this.#context.send({ type: "fileData", name: this.#file, data });
    }
  }

  async #read(file: Deno.FsFile): Promise<Uint8Array | undefined> {
    const data = new Uint8Array(CHUNK_BYTES);
    try {
      const length = await file.read(data);
      return length === null ? undefined : data.subarray(0, length);
    } catch (error) {
      throw this.#failed("read", error);
    }
  }

  #failed(what: string, cause: unknown): TineError {
    const { stream, command } = this.#name;
    return new TineError(
      "temporary-file",
      `the temporary file for ${stream} of ${command} cannot be ${what}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

async function createTemporary(folder: string): Promise<{ path: string; file: Deno.FsFile }> {
  const path = await Deno.makeTempFile({ dir: folder, prefix: "output-" });
  return { path, file: await Deno.open(path, { read: true, write: true }) };
}
