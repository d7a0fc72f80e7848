import { assertEquals } from "@std/assert";
import { SocketStreamPort } from "../../../src/flow/stream/socket_stream_port.ts";
import type { StreamRequest } from "../../../src/flow/stream/messages.ts";
import { StreamPeer } from "../../../src/flow/stream/stream_peer.ts";
import { sendStream } from "../../../src/flow/stream/stream_sender.ts";
import { tcpPair } from "../../sys/tcp_pair.ts";
import { FakeHost } from "./fake_host.ts";

const TICK_NANOS = 1000;

/** A host whose time goes on whenever it is looked at, as that of a busy machine does. */
class TickingHost extends FakeHost {
  #ticks = 0;

  override now(): number {
    return super.now() + TICK_NANOS * this.#ticks++;
  }
}

Deno.test({
  name: "sendStream() takes its first sample at the moment from which its intervals and its time count",
  ignore: Deno.build.os !== "linux",
  fn() {
    using pair = tcpPair("ipv4");
    const host = new TickingHost();
    const tinitNanos = host.now();
    const request: StreamRequest = {
      flow: "a",
      direction: "upload",
      durationMs: 600,
      tcpInfoIntervalMs: 50,
      sampleIOIntervalMs: 100,
      bufLenBytes: 131072,
    };
    const peer = new StreamPeer(new SocketStreamPort(pair.client), "10.0.0.1:7000");
    const fail = (error: unknown) => host.fail(error);
    const transfer = sendStream({ host, scope: host, fail, peer, request, server: false, tinitNanos }, () => {});
    transfer.stop();
    host.pass(0);
    assertEquals(host.io("a")[0].t, TICK_NANOS);
  },
});
