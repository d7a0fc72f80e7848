import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Hmac } from "../../../src/flow/hmac.ts";
import { ClientOpening, type OpeningResult, ServerOpening } from "../../../src/flow/packet/opening.ts";
import { MIN_OPEN_BYTES, openPacket } from "../../../src/flow/packet/control_packet.ts";
import { FlowName, isPacket } from "../../../src/flow/packet/header.ts";
import { formatSettings, type OpenSettings, parseOpenSettings } from "../../../src/flow/packet/open_settings.ts";
import { COOKIE_MS, Cookies, newNonce, packetKey } from "../../../src/flow/packet/cookies.ts";
import { TineError } from "../../../src/base/errors.ts";
import { Random } from "../../support/random.ts";

const flow = new FlowName("voip");
const settings: OpenSettings = { version: 2, senders: 2, longest: 200, duration: 1000, gso: false, reverse: [] };
const key = new Uint8Array(32).fill(1);
const address = "192.0.2.1:1000";

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function client(clientKey: Uint8Array | undefined, text = formatSettings(settings)): ClientOpening {
  return new ClientOpening(flow, text, clientKey, "192.0.2.9:7001");
}

/** Hands a packet to the server, and its answer back. */
function exchange(opening: ClientOpening, server: ServerOpening, nowMs = 0, from = address) {
  const request = opening.attempt(nowMs * 1e6).packet;
  const result = server.receive(viewOf(request), request.length, flow, from, nowMs)!;
  const answer = server.answer(flow, result.opening, request.length);
  assertEquals(answer.length, request.length);
  const state = () => opening.receive(viewOf(answer), answer.length, nowMs * 1e6 + 5000);
  return { request, result, state };
}

for (const shared of [undefined, key]) {
  const name = shared === undefined ? "without a key" : "with a key";
  Deno.test(`ClientOpening and ServerOpening open a flow ${name}`, () => {
    const opening = client(shared), server = new ServerOpening(shared, 1480);
    const hello = exchange(opening, server);
    assertEquals([hello.result.grant, hello.state()], [undefined, "next"]);
    const start = exchange(opening, server);
    assertEquals(start.state(), "open");
    assertEquals(start.result.grant?.settings, settings);
    assertEquals(opening.rttNanos, 5000);
    const theirs = start.result.grant!.hmac, ours = opening.sessionHmac();
    if (shared === undefined) assertEquals([theirs, ours], [undefined, undefined]);
    else {
      const message = Uint8Array.of(1, 2, 3);
      assertEquals(theirs!.digest(message), ours!.digest(message));
      assertNotEquals(ours!.digest(message), new Hmac(shared).digest(message));
    }
  });
}

Deno.test("ServerOpening refuses clients with another key, with none, and with one where none is wanted", () => {
  for (
    const [theirs, ours, why] of [
      [new Uint8Array(32).fill(2), key, "the client has another key"],
      [undefined, key, "the client signs with no key"],
      [key, undefined, "it wants no key, and the client signs with one"],
    ] as const
  ) {
    const opening = client(theirs), server = new ServerOpening(ours, 1480);
    const { result, state } = exchange(opening, server);
    assertEquals(result.refusal, { text: why, reason: "key" });
    // A client with another key cannot know whether it is the server that says so, and waits for one that can.
    assertEquals(state(), "waiting");
    const error = assertThrows(() => opening.attempt(0).packet, TineError, why);
    assertEquals(error.code, "packet-flow-refused");
  }
});

Deno.test("ClientOpening believes a server with its key more than one without", () => {
  const opening = client(key), server = new ServerOpening(key, 1480);
  const request = opening.attempt(0).packet;
  const result = server.receive(viewOf(request), request.length, flow, address, 0)!;
  const lie = openPacket(flow, { ...result.opening, refused: true, text: "go away" }, undefined, request.length, true);
  const answer = server.answer(flow, result.opening, request.length);
  assertEquals(opening.receive(viewOf(lie), lie.length, 0), "waiting");
  assertEquals(opening.receive(viewOf(answer), answer.length, 0), "next");
  opening.attempt(0).packet;
});

Deno.test("ClientOpening does not take answers to others, cut ones and those it has seen", () => {
  const opening = client(key), server = new ServerOpening(key, 1480);
  const other = exchange(client(key), server);
  const first = opening.attempt(0).packet;
  const { opening: said } = server.receive(viewOf(first), first.length, flow, address, 0)!;
  const answer = server.answer(flow, said, first.length);
  const foreign = server.answer(flow, other.result.opening, first.length);
  assertEquals(opening.receive(viewOf(foreign), foreign.length, 0), "waiting");
  assertEquals(opening.receive(viewOf(answer), 300, 0), "waiting");
  assertEquals(opening.receive(viewOf(answer), answer.length, 0), "next");
  assertEquals(opening.receive(viewOf(answer), answer.length, 0), "waiting");
});

Deno.test("ClientOpening gives up when no answer comes in a quarter of a minute, asked ever more rarely", () => {
  const opening = client(key);
  const pauses = Array.from({ length: 6 }, (_, i) => {
    const { packet, pauseNanos } = opening.attempt(i);
    assert(isPacket(viewOf(packet), 0, MIN_OPEN_BYTES));
    return pauseNanos / 1e9;
  });
  assertEquals(pauses, [0.25, 0.5, 1, 2, 4, 8]);
  const error = assertThrows(() => opening.attempt(0), TineError);
  assertEquals(error.code, "no-answer");
  assertEquals(error.message, "no server of UDP flows answers at 192.0.2.9:7001 for 16 s");
});

Deno.test("ClientOpening reports how late a server answered that then answers no more", () => {
  const opening = client(key), server = new ServerOpening(key, 1480);
  const request = opening.attempt(0).packet;
  const result = server.receive(viewOf(request), request.length, flow, address, 0)!;
  const answer = server.answer(flow, result.opening, request.length);
  assertEquals(opening.receive(viewOf(answer), answer.length, 2.43e9), "next");
  const pauses = Array.from({ length: 3 }, (_, i) => opening.attempt(i).pauseNanos / 1e9);
  assertEquals(pauses, [4.86, 8, 8]);
  const error = assertThrows(() => opening.attempt(0), TineError);
  assertEquals(
    [error.code, error.message],
    ["no-answer", "the server at 192.0.2.9:7001 answered after 2.4 s, and then not again for 21 s"],
  );
});

Deno.test("ClientOpening.rttNanos is that of the packet that was answered, whichever it was", () => {
  const server = new ServerOpening(key, 1480);
  for (const [answered, rtt] of [[0, 10], [1, 7], [2, 3]]) {
    const opening = client(key);
    const requests = [0, 3, 7].map((t) => opening.attempt(t).packet);
    const request = requests[answered];
    const result = server.receive(viewOf(request), request.length, flow, address, 0)!;
    const answer = server.answer(flow, result.opening, request.length);
    assertEquals(opening.receive(viewOf(answer), answer.length, 10), "next");
    assertEquals(opening.rttNanos, rtt);
    // Of the packets that start a flow, all are the same: that of the hello stays.
    opening.attempt(20);
    const start = opening.attempt(25).packet;
    const granted = server.receive(viewOf(start), start.length, flow, address, 0)!;
    const open = server.answer(flow, granted.opening, start.length);
    assertEquals([opening.receive(viewOf(open), open.length, 30), opening.rttNanos], ["open", rtt]);
  }
});

Deno.test("ServerOpening keeps a recorded opening from being used by others, elsewhere and later", () => {
  const opening = client(key), server = new ServerOpening(key, 1480);
  exchange(opening, server).state();
  const request = opening.attempt(0).packet;
  const at = (from: string, nowMs: number, to = server) =>
    to.receive(viewOf(request), request.length, flow, from, nowMs)!.refusal?.text;
  assertEquals(at(address, COOKIE_MS - 1), undefined);
  for (
    const refusal of [
      at("192.0.2.2:1000", 0),
      at("192.0.2.1:1001", 0),
      at(address, 2 * COOKIE_MS),
      at(address, 0, new ServerOpening(key, 1480)),
    ]
  ) assertEquals(refusal, "its cookie is not of this server, or too old");
});

Deno.test("ServerOpening.receive() survives what others make of packets", () => {
  const random = new Random(11);
  const server = new ServerOpening(undefined, 1480);
  const opening = client(undefined);
  exchange(opening, server).state();
  const packet = opening.attempt(0).packet;
  let granted = 0, nothing = 0;
  for (let round = 0; round < 5000; round++) {
    const changed = packet.slice();
    for (let n = random.below(8); n >= 0; n--) changed[random.below(changed.length)] = random.below(256);
    const length = random.oneIn(4) ? random.below(changed.length + 1) : changed.length;
    const result: OpeningResult | undefined = server.receive(viewOf(changed), length, flow, address, 0);
    if (result === undefined) nothing++;
    else {
      if (result.grant !== undefined) granted++;
      assert(server.answer(flow, result.opening, length).length === length);
    }
  }
  assert(granted > 100 && nothing > 100, `${granted} ${nothing}`);
});

Deno.test("parseOpenSettings() says what is wrong with settings", () => {
  const sender = { duration: 1000, wait: [10], length: [100], echo: false };
  assertEquals(parseOpenSettings(formatSettings({ ...settings, reverse: [[1, sender]] }), 1480, true).reverse, [[
    1,
    sender,
  ]]);
  const refused = (change: object, message: string) => {
    const error = assertThrows(
      () => parseOpenSettings(JSON.stringify({ ...settings, ...change }), 1480, true),
      TineError,
      message,
    );
    assertEquals(error.code, "bad-settings");
  };
  refused({ version: 1 }, "the client speaks version 1 of the protocol, the server 2");
  refused({ senders: 0 }, "senders: 0 is not a number of 1 to 256");
  refused({ senders: 1.5 }, "1.5 is not a whole number");
  refused({ senders: "2" }, 'senders: "2" is not a number');
  refused({ longest: 1481 }, "packets of 1481 bytes are too long for this server, which takes 1480 (maxPacketSize)");
  refused({ longest: 71 }, "the longest packet: 71 is not a number of 72 to 65507");
  refused({ duration: 1e10 }, "the duration: 10000000000 is not a number of 0 to 8640000000");
  refused({ reverse: [[0, { ...sender, packets: 0 }]] }, "the packets of a sender: 0 is not a number of 1 to");
  refused({ fragment: "toString" }, "fragment is none of allow, forbid and probe");
  refused({ payload: "file" }, "the payload is neither random nor a pattern");
  refused({ gso: 1 }, "gso is neither");
  refused({ ecn: 4 }, "ecn: 4 is not a number of 0 to 3");
  refused({ notices: 1 }, "notices is neither");
  refused({ reverse: {} }, "reverse is not a list");
  refused({ reverse: [[0, sender], [0, sender]] }, "sender 0 is there twice");
  refused({ reverse: [[2, sender]] }, "the index of a sender: 2");
  refused({ reverse: [[0, null]] }, "has no configuration");
  refused({ reverse: [[0, { ...sender, wait: [] }]] }, "waits are no list");
  refused({ reverse: [[0, { ...sender, wait: [-1] }]] }, "a wait: -1");
  refused({ reverse: [[0, { ...sender, length: [201] }]] }, "a length: 201 is not a number of 72 to 200");
  refused({ reverse: [[0, { ...sender, rate: {} }]] }, "packets per second: undefined");
  refused({ reverse: [[0, { ...sender, rate: { bitsPerSecond: 0 } }]] }, "bits per second: 0");
  refused({ reverse: [[0, { ...sender, gso: "yes" }]] }, '"gso" of a sender is neither true nor false');
  assertEquals(parseOpenSettings(JSON.stringify({ ...settings, longest: 56 }), 1480, false).longest, 56);
  for (const text of ["", "null", "[", "7"]) {
    assertThrows(() => parseOpenSettings(text, 1480, true), TineError, "the settings are");
  }
});

Deno.test("formatSettings() refuses what fits no packet", () => {
  const wait = Array.from({ length: 400 }, (_, i) => i);
  const error = assertThrows(
    () => formatSettings({ ...settings, reverse: [[0, { wait, duration: 1 }]] }),
    TineError,
    "use shorter lists",
  );
  assertEquals(error.code, "settings-too-long");
});

Deno.test("Cookies.verify() its own for two periods", () => {
  const cookies = new Cookies(), nonce = newNonce();
  const cookie = cookies.make(address, nonce, "voip", 12_345);
  assert(cookies.verify(cookie, address, nonce, "voip", 12_345));
  assert(cookies.verify(cookie, address, nonce, "voip", 2 * COOKIE_MS - 1));
  assert(!cookies.verify(cookie, address, nonce, "voip", 2 * COOKIE_MS));
  assert(!cookies.verify(cookie, address, nonce, "voice", 12_345));
  assert(!cookies.verify(cookie, address, newNonce(), "voip", 12_345));
  assert(!cookies.verify(new Uint8Array(16), address, nonce, "voip", 12_345));
});

Deno.test("packetKey() differs with each of its parts", () => {
  const one = newNonce(), other = newNonce();
  const keys = [
    packetKey(key, one, other, "voip"),
    packetKey(key, other, one, "voip"),
    packetKey(key, one, other, "voice"),
    packetKey(new Uint8Array(32), one, other, "voip"),
  ];
  assertEquals(new Set(keys.map((bytes) => bytes.join())).size, 4);
});
