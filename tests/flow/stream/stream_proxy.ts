/** Passes connections on to a server, and keeps what they carry. */
export class StreamProxy implements AsyncDisposable {
  /** Where clients find it. */
  readonly address: string;
  /** What came from clients, and what came from the server. */
  readonly fromClient: Uint8Array[] = [];
  readonly fromServer: Uint8Array[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #server: string;
  readonly #accepting: Promise<void>;
  readonly #passing: Promise<unknown>[] = [];

  /** @param server its address: `127.0.0.1:PORT` */
  constructor(server: string) {
    this.#server = server;
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    this.#accepting = this.#acceptAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#passing);
  }

  async #acceptAll(): Promise<void> {
    for await (const client of this.#listener) {
      const [hostname, port] = this.#server.split(":");
      const server = await Deno.connect({ hostname, port: Number(port) });
      this.#passing.push(pass(client, server, this.fromClient), pass(server, client, this.fromServer));
    }
  }
}

async function pass(from: Deno.TcpConn, to: Deno.TcpConn, kept: Uint8Array[]): Promise<void> {
  try {
    for await (const chunk of from.readable) {
      kept.push(chunk);
      for (let sent = 0; sent < chunk.length;) sent += await to.write(chunk.subarray(sent));
    }
    await to.closeWrite();
  } catch {
    // One end is gone: what it was sent is of no use any more.
  }
}
