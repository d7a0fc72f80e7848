import { assert, assertEquals } from "@std/assert";
import { recordKinds } from "../../src/flow/records/format.ts";
import { READABLE } from "../../src/sys/poller.ts";
import { Socket } from "../../src/sys/socket.ts";
import { decodeTcpInfo, tcpInfoPlaces, TcpInfoSampler } from "../../src/sys/tcp_info.ts";
import { tcpPair, until } from "./tcp_pair.ts";
import { needsProcessors } from "../support/quiet.ts";

Deno.test({
  ...needsProcessors("TcpInfoSampler.sample() reports what a connection did", () => {
    using pair = tcpPair("ipv6");
    const sampler = new TcpInfoSampler();
    pair.client.send(new Uint8Array(1000));
    until(pair.server, READABLE);
    pair.server.receive(new Uint8Array(1000));
    const sent = sampler.sample(pair.client), received = sampler.sample(pair.server);
    assertEquals([sent.state, sent.bytesSent, sent.totalRetrans, sent.lost], [1, 1000, 0, 0]);
    assertEquals([received.state, received.bytesReceived], [1, 1000]);
    assert(sent.rtt > 0 && sent.rtt < 1e6 && sent.cwnd > 0 && sent.sndMss > 0 && sent.pmtu > 1000 && sent.rto > 0);
    assert(Object.values(sent).every((value) => Number.isSafeInteger(value) && value >= -1));
    assertEquals(sampler.sample(pair.client, received), received);
    assertEquals(received.bytesSent, 1000);
    using fresh = Socket.open("tcp", "ipv4");
    assertEquals(sampler.sample(fresh).state, 7);
  }),
  ignore: Deno.build.os !== "linux",
});

Deno.test("decodeTcpInfo() says -1 for what a shorter structure does not have, and for what was not measured", () => {
  const view = new DataView(new ArrayBuffer(300));
  new Uint8Array(view.buffer).fill(0xff);
  view.setUint8(7, 0xfe);
  const all = decodeTcpInfo(view, 300);
  assertEquals([all.appLimited, all.pacingRate, all.minRtt, all.rtt, all.sndWnd], [
    0,
    -1,
    -1,
    2 ** 32 - 1,
    2 ** 32 - 1,
  ]);
  view.setBigUint64(200, 2n ** 53n - 1n, true);
  assertEquals(decodeTcpInfo(view, 232).bytesSent, 2 ** 53 - 1);
  const told = (length: number) =>
    Object.entries(decodeTcpInfo(view, length)).filter(([, value]) => value !== -1).map(([name]) => name);
  assertEquals(told(0), []);
  assertEquals(told(7), ["state", "caState", "retransmits", "options"]);
  assertEquals(told(104).length, Object.values(tcpInfoPlaces).filter(([, offset]) => offset < 104).length);
  assert(!told(231).includes("sndWnd") && told(232).includes("sndWnd"));
  assert(!told(275).includes("receivedCeBytes") && told(276).includes("receivedCeBytes"));
});

Deno.test("TcpInfo has the columns of its records, without those that the flow adds", () => {
  const columns = Object.keys(recordKinds.tcpInfo.columns).filter((name) => name !== "server" && name !== "t");
  assertEquals(Object.keys(tcpInfoPlaces).sort(), columns.sort());
});
