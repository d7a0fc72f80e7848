/**
 * What runs in the worker of an author's module, before the module itself: it takes stdin, stdout and exit away, then
 * runs an agent for each connection that the other thread sends.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";
import { describeValue, messageOf } from "../../base/errors.ts";
import { Agent } from "../agent.ts";
import { CallProgress } from "../call_watch.ts";
import type { CreateHandler } from "../handler.ts";
import { redirectConsole } from "../stderr_console.ts";
import { CAPTURE, type FromWorker, type ToWorker } from "./messages.ts";
import { RingConnection } from "./ring_connection.ts";

/** The part of a worker's global scope that is used here. */
interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
  close(): void;
}

/** The number of lines that may be on their way to the other thread, and how long the module waits for it, in ms. */
const MAX_LINES = 1000;
const LINE_WAIT_MS = 1000;
const unprinted = new Int32Array(new SharedArrayBuffer(4));

const scope = globalThis as unknown as Scope;
const loaded = Promise.withResolvers<CreateHandler>();
const agents = new Map<number, Agent>();

takeAwayStdio();
takeAwayExit();
catchUncaught();
scope.onmessage = ({ data }) => {
  if ("stop" in data) agents.get(data.stop)?.stop();
  else void run(data);
};

/** Called by the worker's root with the author's module once that has been evaluated. */
export function serveModule(module: Record<string, unknown>): void {
  const { createHandler } = module;
  if (typeof createHandler === "function") loaded.resolve(createHandler as CreateHandler);
  else {
    const exported = Object.keys(module);
    const instead = createHandler !== undefined
      ? `: createHandler is ${describeValue(createHandler)}`
      : exported.length > 0
      ? `, only ${exported.join(", ")}`
      : "";
    loaded.reject(
      new TypeError(
        `the module exports no function createHandler${instead}; ` +
          "write: export function createHandler(agent) { return { info() { ... }, init(request) { ... }, ... }; }",
      ),
    );
    loaded.promise.catch(() => {}); // each connection reports it
  }
}

async function run(
  { id, connection, progress: cells, maxFrameBytes, maxSnapshotBytes }: Exclude<ToWorker, { stop: number }>,
): Promise<void> {
  const progress = new CallProgress(cells);
  const createHandler: CreateHandler = async (output) => {
    progress.begin("load", 0);
    const create = await loaded.promise;
    progress.begin("create", 0);
    return await create(output);
  };
  // The other thread watches over the time that calls take.
  const agent = new Agent(new RingConnection(connection), createHandler, {
    maxFrameBytes,
    maxSnapshotBytes,
    progress,
    handlerTimeoutMs: 0,
    describeError,
  });
  agents.set(id, agent);
  let error: string | undefined;
  try {
    await agent.run();
  } catch (thrown) {
    error = describeError(thrown);
  }
  agents.delete(id);
  scope.postMessage({ ended: id, error, counts: agent.counts });
}

/** An error with the place in the author's code that it comes from. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) {
    return typeof error === "string" ? error : `the module threw ${describeValue(error)}, which is no Error`;
  }
  const message = messageOf(error);
  if (error.stack === undefined) return message;
  // In a bundle, what is shared lies above the folder src.
  const own = new URL(import.meta.url.endsWith(".js") ? "../../../" : "../../", import.meta.url).href;
  const frame = error.stack.split("\n").find((line) => line.includes("file://") && !line.includes(own));
  const place = frame?.match(/([^/()]+:\d+:\d+)\)?$/)?.[1];
  return place === undefined ? message : `${message} (${place})`;
}

/** Reports an error that no code awaits, with its place. It ends the worker. */
function catchUncaught(): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    scope.postMessage({ uncaught: describeError(event.reason) });
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    scope.postMessage({ uncaught: describeError(event.error ?? event.message) });
  });
}

/** Prints go to stderr, or to the other thread, since stdout carries frames; stdin carries frames as well. */
function takeAwayStdio(): void {
  if (Reflect.has(globalThis, CAPTURE)) redirectConsole(sendLine);
  else redirectConsole();
  const { stderr, stdin, stdout } = Deno;
  replace(stdout, "write", (bytes: Uint8Array) => stderr.write(bytes));
  replace(stdout, "writeSync", (bytes: Uint8Array) => stderr.writeSync(bytes));
  Object.defineProperty(stdout, "writable", { get: () => stderr.writable });
  replace(stdin, "read", () => Promise.resolve(null));
  replace(stdin, "readSync", () => null);
  Object.defineProperty(stdin, "readable", { get: () => new ReadableStream({ start: (c) => c.close() }) });
  replace(stdout, "close", () => {});
  replace(stdin, "close", () => {});
  Object.defineProperty(process, "stdout", { get: () => process.stderr });
  takeAwayDescriptors();
}

/**
 * Node's file functions reach stdin and stdout by their numbers, without any permission; loggers do that. A module that
 * imports such a function by name, instead of the whole of `node:fs`, gets past this.
 */
function takeAwayDescriptors(): void {
  wrap(["write", "writev", "writeFile", "appendFile"], (call, fd, rest) => call(fd === 1 ? 2 : fd, ...rest));
  wrap(["read", "readv", "readFile"], (call, fd, rest) => {
    if (fd === 0) throw new Error("stdin carries frames, a module cannot read it");
    return call(fd, ...rest);
  });
  wrap(["close"], (call, fd, rest) => {
    if (fd !== 0 && fd !== 1) return call(fd, ...rest);
    const callback = rest.at(-1);
    if (typeof callback === "function") queueMicrotask(() => callback(null));
  });
}

type Call = (...args: unknown[]) => unknown;

/** Puts a function before functions of `node:fs` and their synchronous variants. */
function wrap(names: readonly string[], around: (call: Call, fd: unknown, rest: unknown[]) => unknown): void {
  for (const name of names.flatMap((name) => [name, `${name}Sync`])) {
    const call: Call = Reflect.get(fs, name);
    Reflect.set(fs, name, (fd: unknown, ...rest: unknown[]) => around(call, fd, rest));
  }
}

/** Sends a line to the other thread, and waits where that takes them more slowly than the module prints. */
function sendLine(line: string): void {
  const waiting = Atomics.add(unprinted, 0, 1) + 1;
  scope.postMessage({ line: line.trimEnd(), unprinted });
  if (waiting > MAX_LINES) Atomics.wait(unprinted, 0, waiting, LINE_WAIT_MS);
}

/** A module that ends the worker would end the connections of others silently. */
function takeAwayExit(): void {
  const exit = (code?: number) => {
    scope.postMessage({ exit: code ?? 0 });
    throw new Error(`the module called exit(${code ?? ""})`);
  };
  replace(Deno, "exit", exit);
  replace(process, "exit", exit);
  replace(scope, "close", () => exit());
}

function replace(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: false, configurable: false });
}
