import { Agent, type AgentOptions } from "../../src/udf/agent.ts";
import type { CreateHandler, Handler, Output } from "../../src/udf/handler.ts";
import type { Request, Response } from "../../src/udf/messages.ts";
import { Point } from "../../src/udf/point.ts";
import { type Connection, writeAll } from "../../src/wire/connection.ts";
import { FrameReader } from "../../src/wire/frame_reader.ts";
import { pipe } from "../../src/wire/pipe.ts";
import { concat, frame, requestBytes, responseIn } from "./bytes.ts";

/** Requests as a host writes them. */
export function requestFrames(...requests: Request[]): Uint8Array<ArrayBuffer> {
  return concat(requests.map((request) => frame(requestBytes(request))));
}

/** The other end of a connection to an agent: writes requests in order, reads responses. */
export class UdfDriver {
  readonly connection: Connection;
  readonly #frames: FrameReader;
  #writing: Promise<void> = Promise.resolve();

  constructor(connection: Connection) {
    this.connection = connection;
    this.#frames = new FrameReader(connection);
  }

  /** Writes requests behind what was written before; the agent need not read them now. */
  send(...requests: Request[]): this {
    return this.sendBytes(requestFrames(...requests));
  }

  sendBytes(bytes: Uint8Array): this {
    this.#writing = this.#writing.then(() => writeAll(this.connection, bytes));
    this.#writing.catch(() => {}); // an agent may end before it has read all
    return this;
  }

  /** Settles when the agent has read all that was sent. */
  get written(): Promise<void> {
    return this.#writing;
  }

  /** Ends the requests. */
  end(): this {
    this.#writing = this.#writing.then(() => this.connection.closeWrite());
    this.#writing.catch(() => {});
    return this;
  }

  /** The next response; undefined at the end of the stream. */
  async next(): Promise<Response | undefined> {
    while (!this.#frames.next()) if (!await this.#frames.fill()) return undefined;
    return responseIn(this.#frames.bytes.slice(this.#frames.start, this.#frames.end));
  }

  /** The next response that is no keepalive: those also come unasked, whenever something takes its time. */
  async answer(): Promise<Response | undefined> {
    for (;;) {
      const response = await this.next();
      if (response?.kind !== "keepalive") return response;
    }
  }

  /** All responses up to the end of the stream. */
  async rest(): Promise<Response[]> {
    const responses: Response[] = [];
    for (let response; (response = await this.next()) !== undefined;) responses.push(response);
    return responses;
  }
}

/** An agent in memory, and the host's end of its connection. */
export class AgentDriver extends UdfDriver {
  readonly agent: Agent;
  /** Settles with the error that {@linkcode Agent.run} threw, undefined if it threw none. */
  readonly ended: Promise<Error | undefined>;

  constructor(createHandler: CreateHandler, options?: AgentOptions) {
    const [udf, host] = pipe();
    super(host);
    this.agent = new Agent(udf, createHandler, options);
    this.ended = this.agent.run().then(() => undefined, (error) => error);
  }
}

/** A handler of streams that does nothing, but for the methods that are given. */
export function streamHandler(methods: (agent: Output) => Partial<Handler> = () => ({})): CreateHandler {
  return (agent) => ({
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    point() {},
    ...methods(agent),
  });
}

/** A handler of batches that does nothing, but for the methods that are given. */
export function batchHandler(methods: (agent: Output) => Partial<Handler> = () => ({})): CreateHandler {
  return (agent) => ({
    info: () => ({ wants: "batch", provides: "batch" }),
    init() {},
    beginBatch() {},
    point() {},
    endBatch() {},
    ...methods(agent),
  });
}

export const INFO: Request = { kind: "info" };
export const INIT: Request = { kind: "init", init: { options: [], taskId: "task", nodeId: "node" } };
export const SNAPSHOT: Request = { kind: "snapshot" };
export const OK = { success: true, error: "" };

/** A request with a point of this value. */
export function pointRequest(value: number, name = "cpu"): Request & { kind: "point" } {
  return { kind: "point", point: new Point({ time: BigInt(value), name, fieldsDouble: new Map([["value", value]]) }) };
}

export function beginRequest(size = 0n, name = "cpu"): Request & { kind: "begin" } {
  return { kind: "begin", begin: { name, group: "g", tags: new Map([["host", "a"]]), size, byName: true } };
}

export function endRequest(tmax = 9n, name = "cpu"): Request & { kind: "end" } {
  return { kind: "end", end: { name, group: "g", tags: new Map([["host", "a"]]), tmax, byName: true } };
}

/** What kinds of responses these are, in order. */
export function kinds(responses: readonly Response[]): string[] {
  return responses.map(({ kind }) => kind);
}

/** The text of the ErrorResponse that comes last. */
export function lastError(responses: readonly Response[]): string {
  const last = responses.at(-1);
  if (last?.kind !== "error") throw new Error(`the last response is ${last?.kind}, not an error`);
  return last.error;
}

/** The field `value` of the points among the responses. */
export function values(responses: readonly Response[]): unknown[] {
  return responses.flatMap((response) => response.kind === "point" ? [response.point.field("value")] : []);
}
