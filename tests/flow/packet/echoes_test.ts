import { assert, assertEquals } from "@std/assert";
import { Hmac } from "../../../src/flow/hmac.ts";
import { Echoes } from "../../../src/flow/packet/echoes.ts";
import { AT_SERVER_TIME, FlowName, isHeaderSigned, SIGNED_HEADER_BYTES } from "../../../src/flow/packet/header.ts";
import type { IncomingPackets, OutgoingPackets } from "../../../src/flow/packet/packet_port.ts";
import { ReceivedPacket, type SentPackets } from "../../../src/flow/packet/packet_samples.ts";
import type { ServedFlow } from "../../../src/flow/packet/served_flow.ts";

const TINIT = 1_700_000_000_000_000_000n;

/** A server's end of a flow whose signatures take their time, and what it sends. */
class SlowEnd {
  signingNanos = 4000;
  readonly hmac = new Hmac(new Uint8Array(32));
  /** By packet: when it says that it was sent, and when it was. */
  readonly sent: { readonly said: number; readonly at: number; readonly signed: boolean }[] = [];
  readonly recorded: number[] = [];
  readonly echoes: Echoes;
  #now = 0;
  #number = 0;

  constructor() {
    const capacity = 8, bytes = new Uint8Array(capacity * SIGNED_HEADER_BYTES);
    const view = new DataView(bytes.buffer), place = (i: number) => i * SIGNED_HEADER_BYTES;
    const sign = this.hmac.sign.bind(this.hmac);
    this.hmac.sign = (...args) => {
      this.#now += this.signingNanos;
      sign(...args);
    };
    const outgoing: OutgoingPackets = {
      capacity,
      bytes,
      view,
      place,
      setLength() {},
      setFragment() {},
      setSegmentBytes() {},
      reply() {},
      send: (from, count) => {
        for (let i = from; i < from + count; i++) {
          const said = Number(view.getBigUint64(place(i) + AT_SERVER_TIME) - TINIT);
          this.sent.push({ said, at: this.#now, signed: isHeaderSigned(this.hmac, bytes, place(i)) });
        }
        return count;
      },
      [Symbol.dispose]() {},
    };
    this.echoes = new Echoes(outgoing, { tinit: TINIT, now: () => this.#now, checkWallClock: () => 0 });
  }

  /** Echoes packets that came at the same time. */
  echo(packets: number): void {
    this.#now += 1_000_000;
    const samples = { sent: ({ t }: SentPackets) => this.recorded.push(t) };
    const flow = { name: new FlowName("voip"), hmac: this.hmac, replies: 0, replyBytes: 0, samples, settings: {} };
    const incoming = { trafficClass: () => 0 } as Partial<IncomingPackets> as IncomingPackets;
    for (let i = 0; i < packets; i++) {
      const number = this.#number++;
      const packet = Object.assign(new ReceivedPacket(), { number, length: SIGNED_HEADER_BYTES, t: this.#now });
      this.echoes.add(flow as unknown as ServedFlow, incoming, 0, 0, packet, number);
    }
    this.echoes.flush();
  }
}

Deno.test("Echoes.flush() signs the time of sending, although that comes later", () => {
  for (const packets of [1, 5]) {
    const end = new SlowEnd();
    for (let round = 0; round < 20; round++) end.echo(packets);
    assert(end.sent.every(({ signed }) => signed));
    assert(end.sent.every(({ said, at }) => said <= at && said >= at - packets * end.signingNanos));
    const late = end.sent.slice(10 * packets);
    assertEquals(late.map(({ said }) => said), late.map(({ at }) => at));
    assertEquals(end.recorded, end.sent.map(({ said }) => said));
  }
});

Deno.test("Echoes.flush() says no time of sending that is to come, when signing takes less than before", () => {
  const end = new SlowEnd();
  end.signingNanos = 20_000;
  for (let round = 0; round < 20; round++) end.echo(1);
  end.signingNanos = 3000;
  for (let round = 0; round < 20; round++) end.echo(1);
  assertEquals(end.sent.map(({ said, at }) => Math.abs(said - at)).slice(15), [
    ...Array(5).fill(0),
    // It was signed again.
    3000,
    ...Array(19).fill(0),
  ]);
  assert(end.sent.every(({ signed, said, at }) => signed && said <= at));
});
