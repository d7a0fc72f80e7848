import { Condition } from "../base/condition.ts";
import { ByteWriter } from "../wire/byte_writer.ts";
import { writeAll } from "../wire/connection.ts";
import { TineError } from "../base/errors.ts";
import { makeFile, makeFolder, type Owner } from "./owner.ts";
import { storeError } from "./store_error.ts";

/** What collects for a file before it is written. */
const WRITE_BYTES = 256 * 1024;
/** Producers should wait while more bytes than this wait for all files together. */
const HIGH_WATER = 4 * 1024 * 1024;
/** What comes little by little is written at the latest after this: others may follow it. */
const FLUSH_MS = 200;
const MAX_HANDLES = 64;
const MAX_SPARE = 4;
const MAX_SPARE_BYTES = 1024 * 1024;

/**
 * Files in a folder that are only appended to. Writes are collected, and done one after another in the background;
 * handles are closed when there are many.
 *
 * The first write that fails ends it all: nothing more is accepted, and what was written before stays.
 */
export class AppendFiles {
  readonly #budget: Budget;
  readonly #owner: Owner | undefined;
  /** Folders that were asked for, and those of them that were made. */
  readonly #folders = new Set<string>();
  readonly #made = new Set<string>();
  readonly #handles = new Map<AppendFile, Deno.FsFile>(); // the least recently used first
  readonly #dirty = new Set<AppendFile>();
  readonly #due = new Set<AppendFile>();
  readonly #spare: ByteWriter[] = [];
  #pending = 0;
  #written = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | undefined;
  readonly #room = new Condition();
  #failure: TineError | undefined;

  /**
   * @param folder an existing one
   * @param budget what may be written
   * @param owner to whom files and folders are given
   */
  constructor(readonly folder: string, budget: Budget, owner?: Owner) {
    this.#budget = budget;
    this.#owner = owner;
  }

  /** The first write that failed. */
  get failure(): TineError | undefined {
    return this.#failure;
  }

  /**
   * Adds a file; it is made soon, also without content. The folders above it are made unless that was done before.
   *
   * @param parts its path below the folder; they are trusted
   * @throws {TineError} `results-too-large`
   */
  add(parts: readonly string[]): AppendFile {
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      if (this.#folders.has(folder)) continue;
      this.#budget.addFile();
      this.#folders.add(folder);
    }
    this.#budget.addFile();
    const file = new AppendFile(this, parts);
    this.#touch(file, 0);
    return file;
  }

  /** A promise where the producer should wait, since more comes than can be written; it rejects if a write fails. */
  room(): Promise<void> | undefined {
    return this.#failure === undefined && this.#pending < HIGH_WATER ? undefined : this.#waitForRoom();
  }

  async #waitForRoom(): Promise<void> {
    if (this.#failure === undefined) await this.#room.wait();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Writes what waits, and closes all files.
   *
   * @throws {TineError} the first write that failed, now or before
   */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushAll();
    while (this.#writing !== undefined) await this.#writing;
    for (const handle of this.#handles.values()) handle.close();
    this.#handles.clear();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** For {@linkcode AppendFile}: a buffer. */
  borrow(): ByteWriter {
    return this.#spare.pop() ?? new ByteWriter(4096);
  }

  /** For {@linkcode AppendFile}: counts what was put into its buffer. */
  added(file: AppendFile, count: number): void {
    this.#budget.addBytes(count);
    this.#touch(file, count);
  }

  #touch(file: AppendFile, count: number): void {
    this.#pending += count;
    this.#dirty.add(file);
    if (this.#failure !== undefined) return;
    if (this.#pending >= HIGH_WATER) this.#flushAll();
    else if (file.pending >= WRITE_BYTES) {
      this.#due.add(file);
      this.#start();
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flushAll();
    }, FLUSH_MS);
  }

  #flushAll(): void {
    for (const file of this.#dirty) this.#due.add(file);
    this.#start();
  }

  #start(): void {
    if (this.#due.size > 0 && this.#failure === undefined) this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    try {
      for (const file of this.#due) {
        this.#due.delete(file);
        this.#dirty.delete(file);
        const buffer = file.take();
        const handle = await this.#handle(file);
        if (buffer === undefined) continue;
        const count = buffer.position;
        await writeAll(handle, buffer.written());
        this.#pending -= count;
        this.#written += count;
        buffer.position = 0;
        if (this.#spare.length < MAX_SPARE && buffer.bytes.length <= MAX_SPARE_BYTES) this.#spare.push(buffer);
        if (this.#pending < HIGH_WATER) this.#room.notify();
      }
    } catch (error) {
      this.#failure = storeError(error, this.folder, `what was written before, ${this.#written} bytes, is kept`);
      clearTimeout(this.#timer);
    } finally {
      this.#writing = undefined;
      this.#room.notify();
    }
  }

  async #handle(file: AppendFile): Promise<Deno.FsFile> {
    let handle = this.#handles.get(file);
    if (handle !== undefined) this.#handles.delete(file);
    else {
      if (this.#handles.size >= MAX_HANDLES) this.#closeOldest();
      handle = await this.#open(file);
    }
    this.#handles.set(file, handle);
    return handle;
  }

  async #open(file: AppendFile): Promise<Deno.FsFile> {
    const { parts } = file;
    const path = [this.folder, ...parts].join("/");
    if (file.made) {
      const info = await Deno.lstat(path);
      if (!info.isFile) throw new Error(`${path} was replaced meanwhile`);
      return await Deno.open(path, { append: true });
    }
    for (let depth = 1; depth < parts.length; depth++) await this.#makeParent(parts.slice(0, depth).join("/"));
    const handle = await makeFile(path, this.#owner);
    file.made = true;
    return handle;
  }

  async #makeParent(folder: string): Promise<void> {
    if (this.#made.has(folder)) return;
    await makeFolder(`${this.folder}/${folder}`, this.#owner);
    this.#made.add(folder);
  }

  #closeOldest(): void {
    for (const [file, handle] of this.#handles) {
      this.#handles.delete(file);
      handle.close();
      return;
    }
  }
}

/** A file of {@linkcode AppendFiles}. */
export class AppendFile {
  /** How many bytes it was given. */
  bytes = 0;
  /** It exists on disk. */
  made = false;
  readonly #files: AppendFiles;
  #buffer: ByteWriter | undefined;
  #start = 0;

  constructor(files: AppendFiles, readonly parts: readonly string[]) {
    this.#files = files;
  }

  /** The number of bytes that wait to be written. */
  get pending(): number {
    return this.#buffer?.position ?? 0;
  }

  /** Starts something that is appended as a whole; write it to what is returned, then call {@linkcode close}. */
  open(): ByteWriter {
    const buffer = this.#buffer ??= this.#files.borrow();
    this.#start = buffer.position;
    return buffer;
  }

  /**
   * Ends it.
   *
   * @throws {TineError} `results-too-large`: then nothing of it is appended
   */
  close(): void {
    const buffer = this.#buffer!;
    const count = buffer.position - this.#start;
    try {
      this.#files.added(this, count);
      this.bytes += count;
    } catch (error) {
      buffer.position = this.#start;
      throw error;
    }
  }

  /** Gives away what waits to be written. */
  take(): ByteWriter | undefined {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    return buffer;
  }
}

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

  /** How many bytes there is room for. */
  get bytesLeft(): number {
    return Math.max(0, this.maxBytes - this.#bytes);
  }

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
