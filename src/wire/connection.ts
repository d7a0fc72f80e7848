/** Where bytes come from. `Deno.stdin` and `Deno.Conn` are such sources. */
export interface ByteSource {
  /**
   * Reads at least one byte into `buffer`.
   *
   * @returns the number of bytes read, or null at the end
   */
  read(buffer: Uint8Array): Promise<number | null>;
}

/** Where bytes go to. `Deno.stdout` and `Deno.Conn` are such sinks. */
export interface ByteSink {
  /** @returns the number of bytes written, at least one */
  write(bytes: Uint8Array): Promise<number>;
}

/** Two independent byte streams to a peer, such as a `Deno.Conn`. */
export interface Connection extends ByteSource, ByteSink {
  /** Ends the outgoing stream, so that the peer reads its end; reading goes on. */
  closeWrite(): Promise<void>;
  /** Ends both streams at once. Closing twice is harmless. */
  close(): void;
}

/** Writes all of `bytes`, in as many writes as the sink needs. */
export async function writeAll(sink: ByteSink, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await sink.write(bytes));
}

/**
 * Returns a source of bytes that are there, and then of those of another source.
 *
 * @param then absent: the bytes are all
 */
export function sourceOf(bytes: Uint8Array, then?: ByteSource): ByteSource {
  let rest = bytes;
  return {
    async read(buffer) {
      if (rest.length === 0) return await then?.read(buffer) ?? null;
      const length = Math.min(buffer.length, rest.length);
      buffer.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      return length;
    },
  };
}

/** Returns a connection of which the first bytes were read already. */
export function readAhead(first: Uint8Array, connection: Connection): Connection {
  const source = sourceOf(first, connection);
  return {
    read: (buffer) => source.read(buffer),
    write: (bytes) => connection.write(bytes),
    closeWrite: () => connection.closeWrite(),
    close: () => connection.close(),
  };
}

/** The standard input and output of this process as a connection to its parent. */
export function stdioConnection(): Connection {
  const closeStdout = () => {
    try {
      Deno.stdout.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  };
  return {
    read: (buffer) => Deno.stdin.read(buffer),
    write: (bytes) => Deno.stdout.write(bytes),
    closeWrite: () => Promise.resolve(closeStdout()),
    close: closeStdout,
  };
}

/** The capacity of a pipe, and so the most bytes of one read. */
const PIPE_BYTES = 64 * 1024;

/**
 * Joins a pair of web streams to a connection, such as the pipes of a child process.
 *
 * @param readable what comes in: a stream of bytes, as those of processes are
 * @param writable what goes out
 */
export function streamConnection(
  readable: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
): Connection {
  // A reader that brings its own buffer: otherwise the stream allocates 64 KiB for each read, also of a few bytes.
  const reader = readable.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  // The read or write that fails reports it.
  reader.closed.catch(() => {});
  writer.closed.catch(() => {});
  let own = new Uint8Array(PIPE_BYTES);
  let rest = own.subarray(0, 0);
  let ended = false;
  return {
    async read(buffer) {
      if (rest.length === 0) {
        if (ended) return null;
        const { value, done } = await reader.read(own);
        if (done) {
          ended = true;
          return null;
        }
        // The stream gives the memory back under another name.
        own = new Uint8Array(value.buffer);
        rest = value;
      }
      const length = Math.min(buffer.length, rest.length);
      buffer.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      return length;
    },
    async write(bytes) {
      await writer.write(bytes);
      return bytes.length;
    },
    closeWrite: () => writer.close(),
    close() {
      reader.cancel().catch(() => {});
      writer.abort().catch(() => {});
    },
  };
}

/**
 * Copies all bytes from a source to a sink, then ends the sink's stream.
 *
 * @throws what the source or the sink throws
 */
export async function copy(source: ByteSource, sink: ByteSink & Pick<Connection, "closeWrite">): Promise<void> {
  const bytes = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await source.read(bytes);
    if (count === null) break;
    await writeAll(sink, bytes.subarray(0, count));
  }
  await sink.closeWrite();
}
