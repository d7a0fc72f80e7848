import { TineError } from "../../../base/errors.ts";
import type { RunContext } from "../../runner.ts";
import { ByteChunks } from "./byte_chunks.ts";
import type { Output, OutputName } from "./output.ts";

const MAX_MEBIBYTES = 64;

/** Keeps an output in memory, and sends it as a file at its end; an empty one as well. */
export class MemoryFile implements Output {
  readonly #file: string;
  readonly #name: OutputName;
  readonly #context: RunContext;
  readonly #chunks = new ByteChunks(MAX_MEBIBYTES * 1024 * 1024);

  constructor(file: string, name: OutputName, context: RunContext) {
    this.#file = file;
    this.#name = name;
    this.#context = context;
  }

  /** @throws {TineError} `output-too-large`; what came before is sent nevertheless */
  write(bytes: Uint8Array): undefined {
    if (this.#chunks.append(bytes)) return;
    const { stream, command } = this.#name;
    throw new TineError(
      "output-too-large",
      `${stream} of ${command} is more than the ${MAX_MEBIBYTES} MiB that bufmem keeps in memory; ` +
        `use buftmp:${this.#file}`,
    );
  }

  async end(): Promise<void> {
    const send = (data: Uint8Array) => this.#context.send({ type: "fileData", name: this.#file, data });
    for (const chunk of this.#chunks) await send(chunk);
    if (this.#chunks.length === 0) await send(new Uint8Array());
  }
}
