import { TineError } from "../../base/errors.ts";
import type { FlowEvents } from "../flows.ts";
import { bitsPerSecond, IoMeter } from "../stream/io_meter.ts";
import { MAX_DURATION_MS, PROGRESS_MS } from "../stream/limits.ts";
import { END_MARK } from "../stream/wire.ts";
import { checkReceipt, type StreamReceipt, type StreamRequest } from "../stream/messages.ts";
import type { Connection } from "./connection.ts";
import { nowNanos } from "./now.ts";
import type { PortableSamples } from "./portable_samples.ts";

const MILLISECOND = 1e6;

/** How long nothing may move: without the kernel's help a sender does not see what the peer has taken. */
const STALL_TIMEOUT_MS = 120_000;

/** What both ends of a transfer work with. */
export interface PortableTransfer {
  readonly connection: Connection;
  readonly request: StreamRequest;
  readonly events: FlowEvents;
  readonly samples: PortableSamples;
  /** The flow's `tinit`, as {@linkcode nowNanos} had it. */
  readonly tinitNanos: number;
  /** Of a sender that does not wait for the server's words: settles when these have come, before the receipt. */
  readonly accepted?: Promise<void>;
  /** Is told of the last byte of this end, and how long they all took, when it ends, however that comes. */
  onEnd?(bytes: number, durationNanos: number): void;
}

/** Sends up to the mark; resolves with the receipt. */
export async function sendStream(transfer: PortableTransfer): Promise<StreamReceipt> {
  const { connection, request, tinitNanos, accepted } = transfer;
  // A refusal ends what is being written.
  accepted?.catch((error) => connection.fail(error));
  const { bufLenBytes, durationMs = Infinity, lengthBytes = Infinity } = request;
  const zeros = new Uint8Array(Math.min(bufLenBytes, lengthBytes));
  const startedAt = nowNanos();
  const meter = meterOf(transfer, true, startedAt);
  using _progress = new Progress(transfer, meter, "sender", startedAt);
  for (let marked = false; !marked;) {
    const expired = nowNanos() - startedAt >= durationMs * MILLISECOND;
    const left = lengthBytes - meter.total;
    const length = expired ? 1 : Math.min(left, bufLenBytes);
    const last = expired || left <= bufLenBytes;
    const count = await connection.write(last ? markedBytes(length) : zeros);
    meter.add(count, nowNanos() - tinitNanos);
    marked = last && count === length;
  }
  meter.end();
  await accepted;
  const receipt = checkReceipt((await connection.readFrame()).value);
  if (receipt.bytes === meter.total) return receipt;
  throw new TineError(
    "stream-bytes-differ",
    `${meter.total} bytes were sent, but ${connection.name} says that it received ${receipt.bytes}`,
  );
}

/** Receives up to the mark, and gives the receipt. */
export async function receiveStream(transfer: PortableTransfer): Promise<StreamReceipt> {
  const { connection, request, tinitNanos } = transfer;
  const { bufLenBytes, lengthBytes = Infinity } = request;
  const buffer = new Uint8Array(bufLenBytes);
  const startedAt = nowNanos();
  const meter = meterOf(transfer, false, startedAt);
  using _progress = new Progress(transfer, meter, "receiver", startedAt);
  for (;;) {
    const count = await connection.read(buffer);
    const now = nowNanos();
    meter.add(count, now - tinitNanos);
    if (meter.total > lengthBytes) {
      throw new TineError("stream-too-long", `${connection.name} sent more than the ${lengthBytes} bytes agreed upon`);
    }
    // Nothing comes behind the mark, so it can only be the last byte of a read.
    if (buffer[count - 1] === 0) continue;
    meter.end();
    const receipt = { bytes: meter.total, durationNanos: Math.round(now - startedAt) };
    await connection.sayFrame(receipt);
    return receipt;
  }
}

function meterOf({ samples, request, tinitNanos }: PortableTransfer, sent: boolean, startedAt: number): IoMeter {
  const { flow, sampleIOIntervalMs } = request;
  return new IoMeter(samples.sink("streamIO", flow), sent, sampleIOIntervalMs * MILLISECOND, startedAt - tinitNanos);
}

/** Tells of progress while a transfer goes on, and ends one that stands still. */
class Progress implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;
  #toldTotal = 0;
  #toldAt: number;
  #movedAt: number;

  constructor(
    readonly transfer: PortableTransfer,
    readonly meter: IoMeter,
    readonly role: "sender" | "receiver",
    readonly startedAt: number,
  ) {
    this.#toldAt = this.#movedAt = startedAt;
    this.#timer = setInterval(() => this.#tell(), PROGRESS_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    const { meter, transfer, startedAt } = this;
    meter.end();
    transfer.onEnd?.(meter.total, Math.round(meter.movedAt + transfer.tinitNanos - startedAt));
  }

  #tell(): void {
    const { transfer: { events, request, connection }, meter: { total }, startedAt } = this;
    const now = nowNanos();
    events.progress(request.flow, {
      kind: "streamProgress",
      role: this.role,
      elapsedNanos: Math.round(now - startedAt),
      bytes: total,
      goodputBitsPerSecond: bitsPerSecond(total - this.#toldTotal, now - this.#toldAt),
    });
    if (total !== this.#toldTotal) this.#movedAt = now;
    this.#toldTotal = total;
    this.#toldAt = now;
    if (now - this.#movedAt > STALL_TIMEOUT_MS * MILLISECOND) {
      const seconds = STALL_TIMEOUT_MS / 1000;
      connection.fail(
        new TineError("peer-stalled", `nothing has moved to or from ${connection.name} for ${seconds} s`),
      );
    } else if (now - startedAt > MAX_DURATION_MS * MILLISECOND) {
      const hours = MAX_DURATION_MS / 3_600_000;
      connection.fail(
        new TineError("stream-too-long", `the transfer with ${connection.name} takes over ${hours} hours`),
      );
    }
  }
}

/** Zeros with the mark as the last byte. */
function markedBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[length - 1] = END_MARK;
  return bytes;
}
