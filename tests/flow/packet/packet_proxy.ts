/** What becomes of a packet: what is passed on in its place, now or later. */
export type Fate = (packet: Uint8Array<ArrayBuffer>, pass: (packet: Uint8Array<ArrayBuffer>) => void) => void;

/** Passes packets between one client and a server, and may lose, change, repeat and swap them. */
export class PacketProxy implements AsyncDisposable {
  /** Where the client finds it. */
  readonly address: string;
  /** What becomes of packets from the client, and of those from the server. */
  up: Fate = (packet, pass) => pass(packet);
  down: Fate = (packet, pass) => pass(packet);
  /** All packets from the client, as they came. */
  readonly fromClient: Uint8Array<ArrayBuffer>[] = [];
  readonly #front = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #back = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #server: Deno.NetAddr;
  readonly #loops: Promise<unknown>;
  readonly #sending = new Set<Promise<unknown>>();
  #client: Deno.NetAddr | undefined;

  /** @param server its address: `127.0.0.1:PORT` */
  constructor(server: string) {
    this.#server = { transport: "udp", hostname: "127.0.0.1", port: Number(server.split(":")[1]) };
    this.address = `127.0.0.1:${(this.#front.addr as Deno.NetAddr).port}`;
    this.#loops = Promise.all([this.#passUp(), this.#passDown()]);
  }

  /** Sends a packet to the server, as if it came from the client. */
  toServer(packet: Uint8Array<ArrayBuffer>): void {
    this.#send(this.#back, packet, this.#server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sending);
    this.#front.close();
    this.#back.close();
    await this.#loops;
  }

  async #passUp(): Promise<void> {
    for await (const [packet, from] of this.#front) {
      this.#client = from as Deno.NetAddr;
      this.fromClient.push(packet as Uint8Array<ArrayBuffer>);
      this.up(packet as Uint8Array<ArrayBuffer>, (packet) => this.toServer(packet));
    }
  }

  async #passDown(): Promise<void> {
    for await (const [packet] of this.#back) {
      this.down(packet as Uint8Array<ArrayBuffer>, (packet) => this.#send(this.#front, packet, this.#client!));
    }
  }

  #send(socket: Deno.DatagramConn, packet: Uint8Array<ArrayBuffer>, to: Deno.NetAddr): void {
    const sent: Promise<unknown> = socket.send(packet.slice(), to).finally(() => this.#sending.delete(sent));
    this.#sending.add(sent);
  }
}

/** Numbers the packets of a kind, from 0 on. */
export function counted(
  matches: (flags: number) => boolean,
  fate: (packet: Uint8Array<ArrayBuffer>, n: number, pass: (packet: Uint8Array<ArrayBuffer>) => void) => void,
): Fate {
  let n = 0;
  return (packet, pass) => {
    if (matches(packet[4] & 0x7f)) fate(packet, n++, pass);
    else pass(packet);
  };
}
