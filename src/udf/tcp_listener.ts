import { messageOf, TineError } from "../base/errors.ts";

/**
 * Listens on TCP.
 *
 * @throws {TineError} `cannot-listen`
 */
export function listenTcp({ hostname, port }: { hostname: string; port: number }): Deno.TcpListener {
  try {
    return Deno.listen({ hostname, port });
  } catch (error) {
    const reason = error instanceof Deno.errors.AddrInUse ? "the address is in use" : messageOf(error);
    throw new TineError("cannot-listen", `cannot listen on ${hostname} port ${port}: ${reason}`, { cause: error });
  }
}
