import { messageOf } from "../base/errors.ts";

/** Whether Linux system calls can be made from here; if not, why: a clause that fits behind a colon. */
export type Availability = { readonly available: true } | { readonly available: false; readonly reason: string };

/**
 * Whether this package can be used. It never asks for a permission.
 *
 * @example
 * ```ts
 * import { availability } from "./availability.ts";
 * const ffi = availability();
 * console.log(ffi.available ? "raw sockets" : `Deno's own network API, since ${ffi.reason}`);
 * ```
 */
export function availability(): Availability {
  const { os, arch } = Deno.build;
  if (os !== "linux") return { available: false, reason: `the system is ${os}, not linux` };
  // The structures and constants in this package hold on these two.
  if (arch !== "x86_64" && arch !== "aarch64") {
    return { available: false, reason: `the processor is ${arch}, neither x86_64 nor aarch64` };
  }
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    return { available: false, reason: "the permission is missing, --allow-ffi" };
  }
  try {
    Deno.dlopen("libc.so.6", {}).close();
  } catch (error) {
    return { available: false, reason: `there is no GNU C library (${messageOf(error)})` };
  }
  return { available: true };
}
