import { SockAddr } from "../../../src/sys/address.ts";
import { Arena } from "../../../src/sys/arena.ts";
import { receiveTrafficClass } from "../../../src/sys/ip_options.ts";
import { ReceiveBatch } from "../../../src/sys/receive_batch.ts";
import { SendBatch } from "../../../src/sys/send_batch.ts";
import { Socket } from "../../../src/sys/socket.ts";

const CE = 3;

/** A router between one client and a server that marks what is capable of that, in one direction or both. */
export class MarkingProxy implements Disposable {
  /** Where the client finds it. */
  readonly address: string;
  /** The bytes that were called TOS, of packets from the client and from the server, as they came. */
  readonly seen: { readonly up: number[]; readonly down: number[] } = { up: [], down: [] };
  readonly #arena = new Arena();
  readonly #front = open();
  readonly #back = open();
  readonly #timer: ReturnType<typeof setInterval>;
  #client: SockAddr | undefined;

  /**
   * @param server its address, over IPv4
   * @param marks which packets are marked
   */
  constructor(server: string, marks: { readonly up: boolean; readonly down: boolean }) {
    this.address = this.#front.localAddress().toString();
    const received = new ReceiveBatch(this.#arena), sent = new SendBatch(this.#arena, { capacity: 1 });
    const pass = (from: Socket, by: Socket, to: () => SockAddr, seen: number[], isMarking: boolean) => {
      for (let i = 0, count = received.receive(from); i < count; i++) {
        if (from === this.#front) this.#client = received.source(i);
        const tos = received.trafficClass(i);
        seen.push(tos);
        sent.payload(0).set(received.payload(i).subarray(0, received.length(i)));
        sent.setLength(0, received.length(i));
        sent.setDestination(0, to());
        sent.setTrafficClass(0, isMarking && (tos & 3) !== 0 ? tos | CE : tos);
        sent.send(by, 0, 1);
      }
    };
    this.#timer = setInterval(() => {
      pass(this.#front, this.#back, () => SockAddr.parse(server), this.seen.up, marks.up);
      pass(this.#back, this.#front, () => this.#client!, this.seen.down, marks.down);
    }, 1);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#front.close();
    this.#back.close();
    this.#arena[Symbol.dispose]();
  }
}

function open(): Socket {
  const socket = Socket.open("udp", "ipv4");
  socket.bind(SockAddr.loopback("ipv4", 0));
  receiveTrafficClass(socket);
  return socket;
}
