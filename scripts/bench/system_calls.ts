import { SockAddr } from "../../src/sys/address.ts";
import { Arena } from "../../src/sys/arena.ts";
import { availability } from "../../src/sys/libc.ts";
import { Clock, TimeBase } from "../../src/sys/clock.ts";
import { receiveTrafficClass } from "../../src/sys/ip_options.ts";
import { Poller, READABLE } from "../../src/sys/poller.ts";
import { ReceiveBatch } from "../../src/sys/receive_batch.ts";
import { SendBatch } from "../../src/sys/send_batch.ts";
import { Socket, WOULD_BLOCK } from "../../src/sys/socket.ts";
import { receiveBufferBytes, receiveTimestamps } from "../../src/sys/socket_options.ts";
import { type Benchmark, MissingPeer } from "./benchmark.ts";
import { medianOfRounds } from "./median.ts";

/** The most bytes of one message that fit below UDP's 65,507. */
const GSO_BYTES = 65_000;
const MAX_SEGMENTS = 64;
const BATCH = 64;

/** What system calls by FFI cost, beside the same by Deno's own API. */
export const benchmark: Benchmark = {
  summary: "packets a second and clocks through FFI on loopback, beside Deno's own network API",

  async *run({ quick }) {
    const status = availability();
    if (!status.available) throw new MissingPeer(status.reason);
    const ms = quick ? 20 : 500;
    const rounds = quick ? 1 : 5;
    using bench = new Loopback();
    for (const bytes of [64, 1400]) {
      const [own, gso, deno] = await medianOfRounds(
        rounds,
        () => Promise.resolve(bench.sent(bytes, ms)),
        () => Promise.resolve(bench.sentInSegments(bytes, ms)),
        () => bench.sentByDeno(bytes, ms),
      );
      for (const [what, rate] of [["sendmmsg", own], ["sendmmsg with GSO", gso]] as const) {
        yield {
          what: `${what}, ${bytes} bytes`,
          figures: `${perSecond(rate)}, Deno's ${perSecond(deno)}${times(rate, deno)}`,
        };
      }
    }
    const [plain, stamped] = await medianOfRounds(
      rounds,
      () => Promise.resolve(bench.received(false, ms)),
      () => Promise.resolve(bench.received(true, ms)),
    );
    yield { what: "recvmmsg, 64 bytes", figures: `${perSecond(plain)}, with timestamps and TOS ${perSecond(stamped)}` };
    const [trip] = await medianOfRounds(rounds, () => Promise.resolve(bench.roundTrip(ms)));
    yield { what: "send, ppoll and receive one packet", figures: `${(trip / 1000).toFixed(1)} us` };
    const [clock, now] = await medianOfRounds(
      rounds,
      () => Promise.resolve(kernelClock(ms)),
      () => Promise.resolve(performanceNow(ms)),
    );
    yield { what: "clock_gettime", figures: `${clock.toFixed(0)} ns, performance.now ${now.toFixed(0)} ns` };
  },
};

/** Sockets on loopback: what is sent goes to one whose buffer is full most of the time. */
class Loopback implements Disposable {
  readonly #arena = new Arena();
  readonly #server = Socket.open("udp", "ipv4");
  readonly #client = Socket.open("udp", "ipv4");
  readonly #deno = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #plain = new SendBatch(this.#arena, { capacity: BATCH });
  readonly #large = new SendBatch(this.#arena, { capacity: 8, maxBytes: GSO_BYTES });
  readonly #received = new ReceiveBatch(this.#arena, { capacity: BATCH });

  constructor() {
    this.#server.bind(SockAddr.loopback("ipv4", 0));
    this.#server.set(receiveBufferBytes, 4 << 20);
    this.#client.connect(this.#server.localAddress());
  }

  /** Packets sent a second, each with a number of its own. */
  sent(bytes: number, ms: number): number {
    for (let i = 0; i < BATCH; i++) this.#plain.setLength(i, bytes);
    let sequence = 0;
    return ratePerSecond(ms, () => {
      for (let i = 0; i < BATCH; i++) this.#plain.view.setUint32(this.#plain.place(i), sequence++);
      return this.#plain.send(this.#client);
    });
  }

  /** Packets sent a second, cut from larger messages by the kernel. */
  sentInSegments(bytes: number, ms: number): number {
    const segments = Math.min(MAX_SEGMENTS, Math.floor(GSO_BYTES / bytes));
    for (let i = 0; i < this.#large.capacity; i++) {
      this.#large.setSegmentBytes(i, bytes);
      this.#large.setLength(i, segments * bytes);
    }
    return ratePerSecond(ms, () => segments * this.#large.send(this.#client));
  }

  /** Packets sent a second by Deno's own API. */
  async sentByDeno(bytes: number, ms: number): Promise<number> {
    const packet = new Uint8Array(bytes);
    const { port } = this.#server.localAddress();
    const address = { transport: "udp", hostname: "127.0.0.1", port } as const;
    let sent = 0;
    const start = performance.now();
    while (performance.now() - start < ms) {
      await this.#deno.send(packet, address);
      sent++;
    }
    return sent / (performance.now() - start) * 1000;
  }

  /** Packets received a second, in the time that receiving takes. */
  received(withControl: boolean, ms: number): number {
    this.#server.set(receiveTimestamps, withControl);
    receiveTrafficClass(this.#server, withControl);
    for (let i = 0; i < BATCH; i++) this.#plain.setLength(i, 64);
    this.#drain();
    let received = 0, spent = 0;
    while (spent < ms) {
      for (let i = 0; i < 8; i++) this.#plain.send(this.#client);
      const start = performance.now();
      received += this.#drain();
      spent += performance.now() - start;
    }
    return received / spent * 1000;
  }

  /** What it takes to send a packet, wait for it, and receive it, in nanoseconds. */
  roundTrip(ms: number): number {
    this.#drain();
    const poller = new Poller();
    let received = 0;
    poller.watch(this.#server.fd, READABLE, () => received = this.#received.receive(this.#server));
    this.#plain.setLength(0, 64);
    const rate = ratePerSecond(ms, () => {
      this.#plain.send(this.#client, 0, 1);
      poller.poll(1e9);
      return received;
    });
    return 1e9 / rate;
  }

  #drain(): number {
    let sum = 0;
    for (let count; (count = this.#received.receive(this.#server)) !== WOULD_BLOCK;) sum += count;
    return sum;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.#client.close();
    this.#deno.close();
    this.#arena[Symbol.dispose]();
  }
}

/** What a reading of the kernel's clock takes, in nanoseconds. */
function kernelClock(ms: number): number {
  const clock = new Clock("monotonic");
  const base = new TimeBase(clock.now());
  return nanosEach(ms, () => clock.since(base));
}

function performanceNow(ms: number): number {
  return nanosEach(ms, () => performance.now());
}

function nanosEach(ms: number, read: () => number): number {
  let sum = 0;
  const rate = ratePerSecond(ms, () => {
    for (let i = 0; i < 1000; i++) sum += read();
    return 1000;
  });
  if (Number.isNaN(sum)) throw new Error("a clock went wrong");
  return 1e9 / rate;
}

/** How often something happens in a second. @param some does it some times, and says how often */
function ratePerSecond(ms: number, some: () => number): number {
  let count = 0;
  const start = performance.now();
  while (performance.now() - start < ms) count += some();
  return count / (performance.now() - start) * 1000;
}

function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString("en-US")}/s`;
}

function times(rate: number, peer: number): string {
  return `: ${(rate / peer).toFixed(2)} x`;
}
