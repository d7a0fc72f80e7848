/**
 * Runs in the worker of a module that writes a plan, before and after the module itself.
 *
 * @module
 */

import process from "node:process";
import { format } from "node:util";

/** What the worker sends: the plan as text, what is wrong with it, or the stack of what the module has thrown. */
export type FromPlanModule = { readonly text: string } | { readonly problem: string } | { readonly uncaught: string };

/** The part of a worker's global scope that is used here. */
interface Scope {
  postMessage(message: FromPlanModule): void;
}

const scope = globalThis as unknown as Scope;
const encoder = new TextEncoder();
let decoder = new TextDecoder();
let printed = "";

/** Collects what the module prints, and sets its arguments. Called before the module is evaluated. */
export function begin(args: readonly string[]): void {
  catchUncaught();
  replace(Deno, "args", args);
  const { stdout } = Deno;
  const write = (bytes: Uint8Array) => {
    printed += decoder.decode(bytes, { stream: true });
    return bytes.length;
  };
  replace(stdout, "write", (bytes: Uint8Array) => Promise.resolve(write(bytes)));
  replace(stdout, "writeSync", write);
  replace(stdout, "writable", new WritableStream<Uint8Array>({ write: (bytes) => void write(bytes) }));
  const print = (...args: unknown[]) => void write(encoder.encode(format(...args) + "\n"));
  for (const name of ["log", "info", "debug"]) replace(console, name, print);
  const nodeWrite = (data: string | Uint8Array) => {
    write(typeof data === "string" ? encoder.encode(data) : data);
    return true;
  };
  replace(process, "stdout", { ...process.stdout, write: nodeWrite, end: () => {} });
  const exit = (code?: number) => {
    scope.postMessage(code ? { problem: `the module called exit(${code})` } : { text: printed });
    throw new Error(`the module called exit(${code ?? ""})`);
  };
  replace(Deno, "exit", exit);
  replace(process, "exit", exit);
}

/** Sends the plan. Called once the module is evaluated. */
export function end(module: Readonly<Record<string, unknown>>): void {
  printed += decoder.decode();
  decoder = new TextDecoder();
  if (module.default === undefined) {
    scope.postMessage(
      printed.trim() === ""
        ? { problem: "the module writes no plan: export default plan(...), or print it by printPlan()" }
        : { text: printed },
    );
    return;
  }
  // With a default export, what the module prints is for people.
  if (printed !== "") console.error(printed.trimEnd());
  try {
    const text = JSON.stringify(module.default);
    scope.postMessage(text === undefined ? { problem: "the default export of the module is no plan" } : { text });
  } catch (error) {
    scope.postMessage({ problem: `the default export of the module is no plan: ${(error as Error).message}` });
  }
}

/** Sends errors that the module does not catch. Deno would print them as well, with a trace. */
function catchUncaught(): void {
  const send = (event: Event, error: unknown) => {
    event.preventDefault();
    scope.postMessage({ uncaught: error instanceof Error ? error.stack ?? error.message : String(error) });
  };
  globalThis.addEventListener("unhandledrejection", (event) => send(event, event.reason));
  globalThis.addEventListener("error", (event) => send(event, event.error ?? event.message));
}

function replace(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, configurable: true });
}
