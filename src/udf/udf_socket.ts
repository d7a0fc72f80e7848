import { formatHostPort } from "../base/address.ts";
import { messageOf, TineError } from "../base/errors.ts";
import type { RunningUdf } from "./running_udf.ts";

/** Where a UDF listens. */
export type SocketAddress = { path: string } | { hostname: string; port: number };

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 5_000;

/** An address as people write it. */
export function formatAddress(address: SocketAddress): string {
  if ("path" in address) return address.path;
  return formatHostPort(address);
}

/**
 * Connects to a UDF that listens on a Unix or TCP socket.
 *
 * @param retryMs for how long a UDF that is not there yet is tried again, with growing pauses
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

async function connect(
  address: SocketAddress,
  retryMs: number,
  signal?: AbortSignal,
  waiting?: (why: string) => void,
): Promise<Deno.Conn> {
  const deadline = performance.now() + retryMs;
  for (let delay = FIRST_DELAY_MS;; delay = Math.min(delay * 2, LONGEST_DELAY_MS)) {
    try {
      if ("path" in address) return await Deno.connect({ transport: "unix", path: address.path });
      const connection = await Deno.connect(address);
      connection.setNoDelay();
      return connection;
    } catch (error) {
      const left = deadline - performance.now();
      if (left <= 0 || signal?.aborted || !isTemporary(error)) {
        throw new TineError(
          "cannot-connect",
          `cannot connect to ${formatAddress(address)}${retryMs > 0 ? ` within ${retryMs / 1000} s` : ""}: ${
            connectFailure(error)
          }`,
          { cause: error },
        );
      }
      if (delay === FIRST_DELAY_MS) waiting?.(`cannot connect to ${formatAddress(address)}: ${connectFailure(error)}`);
      await pause(Math.min(delay, left), signal);
    }
  }
}

/** Whether a UDF that is about to start explains the error. */
function isTemporary(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.ConnectionRefused;
}

function connectFailure(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such socket; is the UDF running?";
  if (error instanceof Deno.errors.ConnectionRefused) return "connection refused; is the UDF running?";
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
