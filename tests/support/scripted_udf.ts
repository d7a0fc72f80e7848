import { Host, type HostOptions } from "../../src/udf/host.ts";
import type { Batch } from "../../src/udf/batcher.ts";
import type { Request, Response } from "../../src/udf/messages.ts";
import type { RunningUdf } from "../../src/udf/running_udf.ts";
import type { Point } from "../../src/udf/point.ts";
import { type Connection, writeAll } from "../../src/wire/connection.ts";
import { FrameReader } from "../../src/wire/frame_reader.ts";
import { pipe } from "../../src/wire/pipe.ts";
import { concat, frame, requestIn, responseBytes } from "./bytes.ts";

/** Responses as a UDF writes them. */
export function responseFrames(...responses: Response[]): Uint8Array<ArrayBuffer> {
  return concat(responses.map((response) => frame(responseBytes(response))));
}

/** A UDF in memory that does what a test tells it, right or wrong. */
export class ScriptedUdf {
  readonly running: RunningUdf;
  readonly #connection: Connection;
  readonly #requests: FrameReader;
  readonly #ended = Promise.withResolvers<string | undefined>();
  /** How often the host has killed it. */
  kills = 0;

  constructor() {
    const [udf, host] = pipe();
    this.#connection = udf;
    this.#requests = new FrameReader(udf);
    this.running = {
      name: "scripted",
      connection: host,
      ended: this.#ended.promise,
      kill: () => {
        this.kills++;
        host.close();
        this.exit("was ended by SIGKILL");
      },
      close: () => Promise.resolve(host.close()),
    };
  }

  /** The next request; undefined at their end. */
  async next(): Promise<Request | undefined> {
    while (!this.#requests.next()) if (!await this.#requests.fill()) return undefined;
    return requestIn(this.#requests.bytes.slice(this.#requests.start, this.#requests.end));
  }

  /** The next request of this kind; others are dropped. */
  async nextOf<K extends Request["kind"]>(kind: K): Promise<Request & { kind: K }> {
    for (;;) {
      const request = await this.next();
      if (request === undefined) throw new Error(`the requests ended before ${kind}`);
      if (request.kind === kind) return request as Request & { kind: K };
    }
  }

  /** Reads on to the end of the requests. */
  async drain(): Promise<Request[]> {
    const requests: Request[] = [];
    for (let request; (request = await this.next()) !== undefined;) requests.push(request);
    return requests;
  }

  send(...responses: Response[]): Promise<void> {
    return this.sendBytes(responseFrames(...responses));
  }

  sendBytes(bytes: Uint8Array): Promise<void> {
    return writeAll(this.#connection, bytes);
  }

  /** Ends the responses. */
  endOutput(): Promise<void> {
    return this.#connection.closeWrite();
  }

  /** Reads no more. */
  close(): void {
    this.#connection.close();
  }

  /** Is gone. */
  exit(how?: string): void {
    this.#ended.resolve(how);
  }

  /** Ends as a UDF should: reads to the end, ends its output, is gone. */
  async leave(): Promise<Request[]> {
    const requests = await this.drain();
    await this.endOutput();
    this.exit();
    return requests;
  }
}

/** A host, what it received, and what it said. */
export class HostProbe {
  readonly host: Host;
  readonly points: Point[] = [];
  readonly batches: Batch[] = [];
  readonly log: string[] = [];
  readonly aborts: Error[] = [];

  constructor(
    running: RunningUdf,
    options: HostOptions = {},
    onPoint: (point: Point) => Promise<void> | void = () => {},
  ) {
    this.host = new Host(running, {
      point: (point) => {
        this.points.push(point);
        return onPoint(point);
      },
      batch: (batch) => void this.batches.push(batch),
    }, { log: (line) => this.log.push(line), onAbort: (error) => this.aborts.push(error), timeoutMs: 0, ...options });
    this.host.start();
  }

  /** What stop() throws. */
  async failure(drainTimeoutMs?: number): Promise<Error> {
    try {
      await this.host.stop(drainTimeoutMs);
    } catch (error) {
      return error as Error;
    }
    throw new Error("stop() did not throw");
  }
}

/** A scripted UDF and its host. */
export function scripted(options?: HostOptions, onPoint?: (point: Point) => Promise<void> | void) {
  const udf = new ScriptedUdf();
  return { udf, probe: new HostProbe(udf.running, options, onPoint) };
}
