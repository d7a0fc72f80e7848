import { TineError } from "../base/errors.ts";

/** The default limit of the results of a run, in bytes: 64 GiB. */
export const DEFAULT_MAX_RESULT_BYTES = 64 * 2 ** 30;

/** More files and folders than this come from a mistake. */
const MAX_FILES = 100_000;

/** What the results of a run may take. Once it is exceeded nothing more is accepted, so that no gap stays unnoticed. */
export class Budget {
  #bytes = 0;
  #files = 0;
  #exceeded: TineError | undefined;

  /**
   * @param folder where the results go, for messages
   * @param maxBytes of all results together
   */
  constructor(readonly folder: string, readonly maxBytes: number = DEFAULT_MAX_RESULT_BYTES) {}

  /**
   * Counts bytes.
   *
   * @throws {TineError} `results-too-large`
   */
  addBytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes > this.maxBytes) this.#exceed(`${this.maxBytes} bytes`);
    this.#check();
  }

  /**
   * Counts a file or folder.
   *
   * @throws {TineError} `results-too-large`
   */
  addFile(): void {
    this.#files++;
    if (this.#files > MAX_FILES) this.#exceed(`${MAX_FILES} files and folders`);
    this.#check();
  }

  #exceed(limit: string): void {
    this.#exceeded ??= new TineError(
      "results-too-large",
      `the results in ${this.folder} exceed the limit of ${limit}; what came before is kept`,
    );
  }

  #check(): void {
    if (this.#exceeded !== undefined) throw this.#exceeded;
  }
}
