import { formatHostPort } from "../base/address.ts";
import { messageOf, TineError } from "../base/errors.ts";
import type { RunningUdf } from "./running_udf.ts";

/** Where a UDF listens. */
export type SocketAddress = { path: string } | { hostname: string; port: number };

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 5_000;

/** An address as people write it. */
export function formatAddress(address: SocketAddress): string {
  if ("path" in address) return address.path;
  return formatHostPort(address);
}

/**
 * Connects to a UDF that listens on a Unix or TCP socket.
 *
 * @param retryMs for how long a UDF that is not there yet is tried again, with growing pauses; Infinity: for ever
 * @param signal ends the attempts
 * @param waiting gets a sentence when the first attempt has failed and others follow
 * @throws {TineError} `cannot-connect`
 */
export async function connectSocket(
  address: SocketAddress,
  retryMs = 0,
  signal?: AbortSignal,
  waiting?: (why: string) => void,
): Promise<RunningUdf> {
  const connection = await connect(address, retryMs, signal, waiting);
  const ended = Promise.withResolvers<undefined>();
  return {
    name: formatAddress(address),
    connection: {
      async read(buffer) {
        try {
          const count = await connection.read(buffer);
          if (count === null) ended.resolve(undefined);
          return count;
        } catch (error) {
          ended.resolve(undefined);
          throw error;
        }
      },
      write: (bytes) => connection.write(bytes),
      closeWrite: () => connection.closeWrite(),
      close,
    },
    socket: true,
    ended: ended.promise,
    kill: close,
    close: () => Promise.resolve(close()),
  };

  function close(): void {
    ended.resolve(undefined);
    try {
      connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

/**
 * Whether a UDF can be connected to: a connection that is closed at once, as Kapacitor's at its own start.
 *
 * @param withinMs how long it may take to answer
 * @returns why it cannot be now, where it may come; undefined: it can
 * @throws {TineError} `cannot-connect` where waiting does not help, such as for a name of a host that is unknown
 */
export async function probeSocket(address: SocketAddress, withinMs: number): Promise<string | undefined> {
  try {
    (await connectOnce(address, withinMs)).close();
  } catch (error) {
    const why = `cannot connect to ${formatAddress(address)}: ${connectFailure(error)}`;
    if (!isTemporary(error)) throw new TineError("cannot-connect", why, { cause: error });
    return why;
  }
}

async function connect(
  address: SocketAddress,
  retryMs: number,
  signal?: AbortSignal,
  waiting?: (why: string) => void,
): Promise<Deno.Conn> {
  const deadline = performance.now() + retryMs;
  for (let delay = FIRST_DELAY_MS;; delay = Math.min(delay * 2, MAX_DELAY_MS)) {
    const withinMs = retryMs > 0 ? Math.max(FIRST_DELAY_MS, deadline - performance.now()) : undefined;
    try {
      return await connectOnce(address, withinMs, signal);
    } catch (error) {
      const left = deadline - performance.now();
      const place = formatAddress(address);
      if (left <= 0 || signal?.aborted || !isTemporary(error)) {
        const within = retryMs > 0 && isTemporary(error) ? ` within ${retryMs / 1000} s` : "";
        const message = `cannot connect to ${place}${within}: ${connectFailure(error)}`;
        throw new TineError("cannot-connect", message, { cause: error });
      }
      if (delay === FIRST_DELAY_MS) waiting?.(`cannot connect to ${place}: ${connectFailure(error)}`);
      await pause(Math.min(delay, left), signal);
    }
  }
}

/** @throws {Deno.errors.TimedOut} where there is no answer in time */
async function connectOnce(address: SocketAddress, withinMs?: number, signal?: AbortSignal): Promise<Deno.Conn> {
  if ("path" in address) return await Deno.connect({ transport: "unix", path: address.path });
  const attempt = new AbortController();
  const cancel = () => attempt.abort(signal?.reason);
  signal?.addEventListener("abort", cancel);
  const late = () => attempt.abort(new Deno.errors.TimedOut("there is no answer"));
  const timer = Number.isFinite(withinMs) ? setTimeout(late, withinMs) : undefined;
  try {
    const connection = await Deno.connect({ ...address, signal: attempt.signal });
    connection.setNoDelay();
    return connection;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}

/** Whether a UDF that is about to start, or has much to do, explains the error. */
function isTemporary(error: unknown): boolean {
  const { NotFound, ConnectionRefused, WouldBlock, TimedOut } = Deno.errors;
  return [NotFound, ConnectionRefused, WouldBlock, TimedOut].some((kind) => error instanceof kind);
}

function connectFailure(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such socket; is the UDF running?";
  if (error instanceof Deno.errors.ConnectionRefused) return "connection refused; is the UDF running?";
  if (error instanceof Deno.errors.WouldBlock) return "its queue of connections is full; does the UDF accept any?";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return messageOf(error);
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const id = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(id);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}
