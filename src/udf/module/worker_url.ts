/**
 * Where the worker's program is: beside this file in a checkout and in a compiled executable; in a packed one, where the bundle
 * has it as an entry of its own.
 */
export function workerUrl(): string {
  const bundled = import.meta.url.endsWith(".js");
  return new URL(bundled ? "./worker_main.js" : "./worker_main.ts", import.meta.url).href;
}
