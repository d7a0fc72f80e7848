import { TineError } from "../../base/errors.ts";
import type { BatcherOptions } from "../../udf/batcher.ts";
import { Feeder } from "../../udf/feeder.ts";
import { readPoints } from "../../udf/format/point_reader.ts";
import type { BadLine } from "../../udf/format/input_item.ts";
import type { Host } from "../../udf/host.ts";
import type { EdgeType } from "../../udf/messages.ts";
import type { Supervisor } from "../../udf/supervise/supervisor.ts";
import { escape } from "../terminal.ts";
import { readPointsOptions, splitNames } from "../udf/input_flags.ts";
import type { HostFlags } from "./host.ts";
import type { HostMessages } from "./host_messages.ts";
import type { Input } from "./input.ts";

/** Bad lines that are printed; further ones are only counted. */
const MAX_PRINTED_BAD_LINES = 20;

/** Sends points to a UDF. */
export interface Feed {
  /** Lines that could not be used. */
  readonly badLines: number;
  /** Points that came after their window had closed, and were dropped. */
  readonly late: number;
  /** Rows that are no points, where rows are sent. */
  readonly lostRows?: number;

  /**
   * Sends all points, until there are no more, the signal is aborted or the UDF is given up.
   *
   * @param wants what the UDF wants
   * @throws {TineError} what reading or sending threw
   */
  run(host: Host | Supervisor, wants: EdgeType): Promise<void>;

  /** Closes what was not read. */
  cancel(): Promise<void>;
}

/** What a feed works with. */
export interface FeedOptions {
  flags: HostFlags;
  /** Gets warnings, and how far the feed is. */
  messages: HostMessages;
  /** Its abort ends reading. */
  signal: AbortSignal;
}

/** Reads the inputs of `tine host` one after the other and sends their points to the UDF. */
export class InputFeed implements Feed {
  readonly #inputs: readonly Input[];
  readonly #options: FeedOptions;
  /** Bytes of all inputs, where they are known. */
  readonly #totalBytes: number | undefined;
  #feeder: Feeder | undefined;
  #badLines = 0;
  /** Bytes of the inputs that have been read. */
  #bytesBefore = 0;
  /** The input that is being read, for messages. */
  #current = "";

  constructor(inputs: readonly Input[], options: FeedOptions) {
    this.#inputs = inputs;
    this.#options = options;
    this.#totalBytes = inputs.reduce<number | undefined>(
      (sum, { size }) => sum === undefined || size === undefined ? undefined : sum + size,
      0,
    );
  }

  /** Lines that could not be used. */
  get badLines(): number {
    return this.#badLines;
  }

  /** Points that came after their window had closed, and were dropped. */
  get late(): number {
    return this.#feeder?.late ?? 0;
  }

  /** @throws {TineError} `bad-line` with `--strict`; what reading or sending threw */
  async run(host: Host | Supervisor, wants: EdgeType): Promise<void> {
    const { flags, signal } = this.#options;
    const feeder = this.#feeder = new Feeder(host, {
      wants,
      groupBy: splitNames(flags.groupBy),
      batches: batcherOptions(flags),
      onBad: (bad) => this.#bad(bad),
    });
    for (const input of this.#inputs) {
      if (signal.aborted) break;
      await this.#feed(input, feeder, host);
    }
    if (host.failure === undefined) await feeder.end();
  }

  /** Closes the inputs that were not read. */
  async cancel(): Promise<void> {
    for (const { stream } of this.#inputs) if (!stream.locked) await stream.cancel();
  }

  async #feed(input: Input, feeder: Feeder, host: Host | Supervisor): Promise<void> {
    const { flags, messages, signal } = this.#options;
    this.#current = escape(input.name);
    const reader = readPoints({
      format: input.format,
      likelyFormat: input.likelyFormat,
      name: this.#current,
      ...readPointsOptions(flags),
      again: input.again && (() => input.again!(signal)),
      frames: feeder.takesFrames,
      warn: (message) => messages.warn(`${this.#current} ${message}`),
    }, input.stream.pipeThrough(new TransformStream(), { signal }));
    this.#show(() => this.#bytesBefore + reader.bytesRead, host);
    try {
      for await (const items of reader) await feeder.feed(items);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    this.#bytesBefore += reader.bytesRead;
    this.#show(() => this.#bytesBefore, host);
    if (reader.invalidUtf8 > 0) {
      messages.warn(`${this.#current}: ${reader.invalidUtf8} times bytes that are not UTF-8 became U+FFFD`);
    }
  }

  /** Shows how far the feed is, where that is known and nothing else is printed on a terminal. */
  #show(bytes: () => number, host: Host | Supervisor): void {
    const total = this.#totalBytes ?? 0;
    if (total === 0 || Deno.stdout.isTerminal() || this.#options.flags.json) return;
    this.#options.messages.showProgress(() => {
      const { pointsIn, pointsOut } = host.counts;
      return `${(100 * bytes() / total).toFixed(0)}%  ${pointsIn} points in, ${pointsOut} out`;
    });
  }

  #bad(bad: BadLine): void {
    const { flags, messages } = this.#options;
    const message = `${this.#current} line ${bad.line}: ${bad.reason}: ${bad.text}`;
    if (flags.strict) throw new TineError("bad-line", message);
    if (++this.#badLines <= MAX_PRINTED_BAD_LINES) messages.warn(message);
    if (this.#badLines === MAX_PRINTED_BAD_LINES) messages.warn("further bad lines are only counted");
  }
}

/** When a batch is complete, as the flags say. */
export function batcherOptions(
  { batchSize, batchWindow }: Pick<HostFlags, "batchSize" | "batchWindow">,
): BatcherOptions {
  return { size: batchSize, windowNs: batchWindow === undefined ? undefined : BigInt(Math.round(batchWindow * 1e6)) };
}
