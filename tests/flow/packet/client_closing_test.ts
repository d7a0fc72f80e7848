import { assertEquals } from "@std/assert";
import { ClientClosing } from "../../../src/flow/packet/client_closing.ts";
import { closePacket, type Totals } from "../../../src/flow/packet/control_packet.ts";
import { FlowName, numberOf, senderOf, WireTime } from "../../../src/flow/packet/header.ts";
import { Hmac } from "../../../src/flow/hmac.ts";

const flow = new FlowName("voip");
const hmac = new Hmac(Uint8Array.of(1));
const tinit = 1_700_000_000_000_000_000n;
const totals: Totals = {
  received: 1,
  duplicates: 0,
  reverseSent: 0,
  reverseSendErrors: 0,
  reverseUnsent: 0,
  socketDrops: 0,
  bad: 0,
  arrivals: undefined,
  marked: undefined,
  echoErrors: 0,
  trouble: undefined,
};

/** A client, and a server whose clock is 5 s ahead and counts from another moment. */
function setUp(senders: number) {
  const clock = { tinit, time: 0, now: () => clock.time, checkWallClock: () => 0 };
  const closing = new ClientClosing(flow, senders, hmac, clock);
  const time = new WireTime(tinit - 1_000_000n);
  const answer = (request: Uint8Array<ArrayBuffer>, received: number, sent: number, arrived: number, key = hmac) => {
    const view = new DataView(request.buffer), server = (t: number) => t + 5e9 + 1_000_000;
    const bytes = closePacket({
      flow,
      sender: senderOf(view, 0),
      hmac: key,
      attempt: numberOf(view, 0),
      time,
      t: server(received),
      reply: { totals, sent: server(sent) },
    });
    return closing.receive(new DataView(bytes.buffer), bytes.length, arrived);
  };
  return { clock, closing, answer };
}

Deno.test("ClientClosing has the counts of each sender, and asks again for those that did not come", () => {
  const { closing, answer } = setUp(2);
  const [first, second] = closing.attempt(NaN)!.packets;
  assertEquals(answer(first, 10, 12, 20), true);
  assertEquals([closing.complete, closing.totals[0]], [false, totals]);
  const again = closing.attempt(NaN)!.packets;
  assertEquals(again.map((packet) => senderOf(new DataView(packet.buffer), 0)), [1]);
  assertEquals(answer(second, 30, 31, 40, new Hmac(Uint8Array.of(2))), false);
  assertEquals(answer(again[0], 30, 31, 40), true);
  assertEquals(closing.complete, true);
});

Deno.test("ClientClosing bounds the server's clock by each answer to the attempt that it is for", () => {
  const { clock, closing, answer } = setUp(2);
  assertEquals(closing.clock, undefined);
  clock.time = 1000;
  const [late] = closing.attempt(NaN)!.packets;
  clock.time = 500_000;
  const [, quick] = closing.attempt(NaN)!.packets;
  // 300 us there and 100 us back; then 40 us and 60 us.
  answer(late, 301_000, 302_000, 402_000);
  assertEquals(closing.clock, { least: 5e9 - 100_000, most: 5e9 + 300_000 });
  answer(quick, 540_000, 550_000, 610_000);
  assertEquals(closing.clock, { least: 5e9 - 60_000, most: 5e9 + 40_000 });
});
