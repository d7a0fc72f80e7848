/** UDFs that make one mistake each, written against raw frames: agents of ours would not let them. */

import type { BeginBatch, EdgeType, InfoResponse, Request, Response, ValueType } from "../../../src/udf/messages.ts";
import type { RunningUdf } from "../../../src/udf/running_udf.ts";
import type { Point } from "../../../src/udf/point.ts";
import { writeAll } from "../../../src/wire/connection.ts";
import { FrameReader } from "../../../src/wire/frame_reader.ts";
import { pipe } from "../../../src/wire/pipe.ts";
import { frame, requestIn, responseBytes } from "../../support/bytes.ts";

/** A response, or bytes in its place. */
export type Reply = Response | Uint8Array;

/** What one use of a UDF knows. */
export interface State {
  /** Requests so far, this one included. */
  requests: number;
  points: number;
  /** Whether init has succeeded. */
  ready: boolean;
  batch: { begin: BeginBatch; points: Point[] } | undefined;
  held: Reply[];
  /** Settles when the host gives the UDF up. */
  killed: Promise<void>;
}

/** Where a UDF differs from one that mirrors what it gets. */
export interface Fault {
  edge?: EdgeType;
  options?: Record<string, ValueType[]>;
  /** What is answered instead; undefined: the usual. What is thrown ends the UDF with status 1. */
  respond?(request: Request, state: State, frame: Uint8Array): Promise<Reply[] | void> | Reply[] | void;
  /** Sees each piece of input as it is read. */
  onRead?(bytes: Uint8Array): void;
  /** Input has ended; what it returns is still written. */
  atEnd?(state: State): Promise<Reply[] | void> | Reply[] | void;
  /** Gets a signal; returns how the UDF ends of it, undefined: it does not. Absent: it is no process. */
  onSignal?(): string | undefined;
  /** What it adds by itself, every 20 ms once init has succeeded. */
  add?(state: State): Reply[];
  /** What it writes to stderr at its start. */
  stderr?: string;
}

/** Starts a UDF with this fault. */
export function startFaulty(fault: Fault, log: (line: string) => void): RunningUdf {
  const [udf, host] = pipe();
  const killed = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string | undefined>();
  const end = (how: string | undefined) => {
    ended.resolve(how);
    killed.resolve();
    udf.close();
  };
  const state: State = { requests: 0, points: 0, ready: false, batch: undefined, held: [], killed: killed.promise };
  if (fault.stderr !== undefined) log(fault.stderr);

  let writing = Promise.resolve();
  const write = (replies: Reply[]) =>
    writing = writing.then(async () => {
      for (const reply of replies) {
        await writeAll(udf, reply instanceof Uint8Array ? reply : frame(responseBytes(reply)));
      }
    });
  const timer = fault.add && setInterval(() => {
    if (state.ready) write(fault.add!(state)).catch(() => {});
  }, 20);
  const running = (async () => {
    const frames = new FrameReader({
      async read(buffer) {
        const count = await udf.read(buffer);
        if (count !== null) fault.onRead?.(buffer.subarray(0, count));
        return count;
      },
    });
    while (await frames.fill()) {
      while (frames.next()) {
        const bytes = frames.bytes.slice(frames.start, frames.end);
        const request = requestIn(bytes);
        state.requests++;
        if (request.kind === "point") state.points++;
        const usual = mirror(request, state, fault);
        await write(await fault.respond?.(request, state, bytes) ?? usual);
        if (request.kind === "init") state.ready = true;
      }
    }
    await write(await fault.atEnd?.(state) ?? []);
  })();
  running.catch(() => {}).finally(() => clearInterval(timer));
  running.then(() => end(undefined), () => end("exited with status 1"));

  return {
    name: "faulty",
    connection: host,
    ended: ended.promise,
    signal: fault.onSignal && (() => {
      const how = fault.onSignal!();
      if (how !== undefined) end(how === "well" ? undefined : how);
    }),
    kill() {
      host.close();
      end("was killed");
    },
    async close() {
      await running.catch(() => {});
    },
  };
}

/** What a UDF without a fault answers. */
function mirror(request: Request, state: State, { edge = "stream", options = {} }: Fault): Reply[] {
  switch (request.kind) {
    case "info":
      return [{ kind: "info", info: infoOf(edge, options) }];
    case "init":
      return [{ kind: "init", outcome: { success: true, error: "" } }];
    case "keepalive":
      return [request];
    case "snapshot":
      return [{ kind: "snapshot", snapshot: new Uint8Array() }];
    case "restore":
      return [{ kind: "restore", outcome: { success: true, error: "" } }];
    case "point":
      if (edge === "stream") return state.batch === undefined ? [request] : [];
      if (state.batch === undefined) return [{ kind: "error", error: "a point outside of a batch" }];
      state.batch.points.push(request.point);
      return [];
    case "begin":
      if (edge === "stream") return [{ kind: "error", error: "batches are not wanted" }];
      state.batch = { begin: request.begin, points: [] };
      return [];
    case "end": {
      if (state.batch === undefined) return [];
      const { begin, points } = state.batch;
      state.batch = undefined;
      return batchReplies({ ...begin, size: BigInt(points.length) }, points, request);
    }
    case "empty":
      return [];
  }
}

/** A batch as it is sent. */
export function batchReplies(begin: BeginBatch, points: Point[], end: Extract<Request, { kind: "end" }>): Reply[] {
  return [{ kind: "begin", begin }, ...points.map((point): Reply => ({ kind: "point", point })), end];
}

/** What a UDF on this edge says of itself. */
export function infoOf(edge: EdgeType, options: Record<string, ValueType[]> = {}): InfoResponse {
  return { wants: edge, provides: edge, options: new Map(Object.entries(options)) };
}
