import { type ByteSink, type ByteSource, type Connection, writeAll } from "./connection.ts";

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
