import { ChunkWriter } from "../records/chunk_writer.ts";
import type { RecordKind } from "../records/format.ts";
import { RandomBytes, type SharedPayloads } from "../payload.ts";
import type { SampleSink } from "./engine_flow.ts";

/** How many chunks are filled at a time; each takes about 150 KB. */
const MAX_WRITERS = 64;

/** Lends writers of chunks to the flows of a worker: only those with samples that wait hold one. */
export class SamplePool {
  readonly #free: { readonly [K in RecordKind]: ChunkWriter<K>[] } = {
    streamIO: [],
    tcpInfo: [],
    packetIO: [],
    transactionIO: [],
  };
  readonly #busy = new Set<Pick<PooledSink<never>, "owner" | "flush">>();
  readonly #onFirst: () => void;

  /** @param onFirst called when the first sample waits */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
  }

  /**
   * Makes a sink.
   *
   * @param owner sinks of one owner can be flushed together
   * @param emit takes its chunks
   */
  sink<K extends RecordKind>(
    kind: K,
    owner: object,
    emit: (chunk: Uint8Array<ArrayBuffer>) => void,
  ): SampleSink<K> {
    return new PooledSink(kind, owner, emit, this);
  }

  /**
   * Hands over samples that wait.
   *
   * @param owner flushes the sinks of this owner alone
   */
  flush(owner?: object): void {
    for (const sink of this.#busy) if (owner === undefined || sink.owner === owner) sink.flush();
  }

  /** Lends a writer, for as long as the sink has samples. */
  lend<K extends RecordKind>(sink: PooledSink<K>): ChunkWriter<K> {
    if (this.#busy.size >= MAX_WRITERS) this.flush();
    if (this.#busy.size === 0) this.#onFirst();
    this.#busy.add(sink);
    return this.#free[sink.kind].pop() ?? new ChunkWriter(sink.kind);
  }

  /** Takes an empty writer back. */
  takeBack<K extends RecordKind>(sink: PooledSink<K>, writer: ChunkWriter<K>): void {
    this.#busy.delete(sink);
    this.#free[sink.kind].push(writer);
  }
}

class PooledSink<K extends RecordKind> implements SampleSink<K> {
  readonly #emit: (chunk: Uint8Array<ArrayBuffer>) => void;
  readonly #pool: SamplePool;
  #writer: ChunkWriter<K> | undefined;

  constructor(
    readonly kind: K,
    readonly owner: object,
    emit: (chunk: Uint8Array<ArrayBuffer>) => void,
    pool: SamplePool,
  ) {
    this.#emit = emit;
    this.#pool = pool;
  }

  writer(): ChunkWriter<K> {
    const writer = this.#writer ??= this.#pool.lend(this);
    if (writer.full) this.#emit(writer.take());
    return writer;
  }

  flush(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    if (writer.length > 0) this.#emit(writer.take());
    this.#pool.takeBack(this, writer);
  }
}

const FIRST_BYTES = 128 * 1024;
/** The longest buffer. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Buffers that grow to what is asked for. */
export class WorkerBuffers implements SharedPayloads {
  readonly random: RandomBytes = new RandomBytes();
  #zeros = new Uint8Array(FIRST_BYTES);

  zeros(lengthBytes: number): Uint8Array<ArrayBuffer> {
    if (lengthBytes > this.#zeros.length) this.#zeros = new Uint8Array(limited(lengthBytes));
    return this.#zeros.subarray(0, lengthBytes);
  }
}

function limited(lengthBytes: number): number {
  if (lengthBytes <= MAX_BYTES) return lengthBytes;
  throw new RangeError(`a shared buffer of ${lengthBytes} bytes is over the limit of ${MAX_BYTES}`);
}
