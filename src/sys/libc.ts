import { messageOf, TineError } from "../base/errors.ts";
import { Errno, SystemError } from "./errno.ts";

/**
 * The calls in use, each described in the manual's page of its name. Sizes (`size_t`) are declared as such and passed
 * as bigint: a 32-bit argument in their place would leave the upper half of a register undefined. Results (`ssize_t`)
 * are declared as 32 bits: no buffer here has 2 GiB, and the lower half of -1 is -1.
 */
const declarations = {
  __errno_location: { parameters: [], result: "pointer" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  // Variadic, which makes no difference to integers and pointers on x86-64 and ARM64.
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "i32" },
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
  ppoll: { parameters: ["buffer", "u64", "buffer", "pointer"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  // Variadic as well. It makes the calls for which older C libraries have no function.
  syscall: { parameters: ["i64", "i64", "buffer", "u64", "u64"], result: "i64" },
  sched_setaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  if_indextoname: { parameters: ["u32", "buffer"], result: "pointer" },
  // Runs in another thread, since it may wait for a name server.
  getaddrinfo: { parameters: ["buffer", "pointer", "buffer", "buffer"], result: "i32", nonblocking: true },
  freeaddrinfo: { parameters: ["pointer"], result: "void" },
  gai_strerror: { parameters: ["i32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the C library that are in use. */
export type LibcCalls = Deno.StaticForeignLibraryInterface<typeof declarations>;

/** Returned by calls when there are no bytes to read, or no room to write, for now. */
export const WOULD_BLOCK = -1;

/** The C library, for the thread that opened it. */
export class Libc {
  /** The calls themselves. */
  readonly calls: LibcCalls;
  /**
   * The error number of the last call of this thread that failed, in its only element. V8 makes system calls too, when
   * it collects garbage: read this in the statement of the call or the next one, with no other call, allocation or loop
   * in between. It is memory, since already the call of a function could let V8 make a system call.
   */
  readonly errno: Int32Array;

  /** Use {@linkcode libc}: V8 compiles calls well only where it always meets the same functions. */
  constructor() {
    const status = availability();
    if (!status.available) {
      throw new TineError("ffi-unavailable", `Linux system calls cannot be made: ${status.reason}`);
    }
    this.calls = Deno.dlopen("libc.so.6", declarations).symbols;
    const place = this.calls.__errno_location();
    if (place === null) throw new TineError("ffi-unavailable", "the C library has no errno for this thread");
    this.errno = new Int32Array(new Deno.UnsafePointerView(place).getArrayBuffer(4));
  }

  /**
   * What to do after a call that returned -1.
   *
   * @param errno its error number
   * @param call its name
   * @param place what it was called upon; made text only for an error
   * @returns true: a signal interrupted it, call again; false: it would block
   * @throws {SystemError} in all other cases
   */
  interrupted(errno: number, call: string, place: { toString(): string } = ""): boolean {
    if (errno === Errno.EINTR) return true;
    if (errno === Errno.EAGAIN) return false;
    throw new SystemError(call, errno, String(place));
  }
}

let opened: Libc | undefined;

/**
 * The C library of this thread, opened at the first call.
 *
 * @throws {TineError} `ffi-unavailable`: see {@linkcode availability}
 */
export function libc(): Libc {
  return opened ??= new Libc();
}

/** Whether Linux system calls can be made from here; if not, why: a clause that fits behind a colon. */
export type Availability = { readonly available: true } | { readonly available: false; readonly reason: string };

/**
 * Whether this package can be used. It never asks for a permission.
 *
 * @example
 * ```ts
 * import { availability } from "./libc.ts";
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
