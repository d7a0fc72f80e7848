import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { SocketStreamPort, SocketStreamPorts } from "../../../src/flow/stream/socket_stream_port.ts";
import { StreamPeer } from "../../../src/flow/stream/stream_peer.ts";
import { streamClientFlow } from "../../../src/flow/stream/stream_client_flow.ts";
import { receiveStream } from "../../../src/flow/stream/stream_receiver.ts";
import { sendStream } from "../../../src/flow/stream/stream_sender.ts";
import type { StreamRequest } from "../../../src/flow/stream/messages.ts";
import { TineError } from "../../../src/base/errors.ts";
import { tcpPair } from "../../sys/tcp_pair.ts";
import { FakeHost } from "./fake_host.ts";
import { needsProcessors } from "../../support/quiet.ts";

const ignore = Deno.build.os !== "linux";

const request: StreamRequest = {
  flow: "a",
  direction: "upload",
  lengthBytes: 2 ** 40,
  sampleIOIntervalMs: 100,
  bufLenBytes: 131072,
};

function codeOf(error: unknown): string {
  assertInstanceOf(error, TineError);
  return error.code;
}

Deno.test({
  ...needsProcessors("sendStream() gives up when the peer takes nothing for 30 s, and keeps what was measured", () => {
    using pair = tcpPair("ipv4");
    const host = new FakeHost();
    const transfer = sendStream({
      host,
      scope: host,
      fail: (error) => host.fail(error),
      peer: new StreamPeer(new SocketStreamPort(pair.client), "10.0.0.1:7000"),
      request,
      server: false,
      tinitNanos: 0,
    }, () => {});
    host.pass(29e9);
    assertEquals(host.error, undefined);
    host.pass(3e9);
    assertEquals(codeOf(host.error), "peer-stalled");
    transfer.stop();
    host.pass(0);
    const { total } = host.io("a").at(-1)!;
    assert(total > 0);
    assertEquals(host.tcpInfo("a").length, 1);
    assert((host.error as Error).message.includes(`10.0.0.1:7000 has taken nothing for 30 s, after ${total} bytes`));
  }),
  ignore,
});

Deno.test({
  name: "receiveStream() gives up when the peer sends nothing for 30 s",
  ignore,
  fn() {
    using pair = tcpPair("ipv6");
    const host = new FakeHost();
    receiveStream({
      host,
      scope: host,
      fail: (error) => host.fail(error),
      peer: new StreamPeer(new SocketStreamPort(pair.server), "client [::1]:5"),
      request,
      server: true,
      tinitNanos: 0,
    }, () => {});
    host.pass(29e9);
    assertEquals(host.error, undefined);
    host.pass(3e9);
    assertEquals(codeOf(host.error), "peer-stalled");
  },
});

Deno.test({
  name: "streamClientFlow() gives up when connecting takes 10 s",
  ignore,
  fn() {
    const host = new FakeHost();
    // The host never says that the socket is connected.
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const addresses = [`127.0.0.1:${listener.addr.port}`];
    const flow = streamClientFlow(() => new SocketStreamPorts())(host, {
      kind: "streamClient",
      addresses,
      config: { upload: { flow: "a" } },
    });
    flow.start();
    host.pass(9e9);
    assertEquals(host.error, undefined);
    host.pass(2e9);
    assertEquals(codeOf(host.error), "connection-timeout");
    flow.close();
  },
});
