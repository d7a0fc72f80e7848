import { assert, assertEquals, assertThrows } from "@std/assert";
import { SocketStreamPort } from "../../../src/flow/stream/socket_stream_port.ts";
import { StreamPeer } from "../../../src/flow/stream/stream_peer.ts";
import { type ReadTransfer, TransferReader } from "../../../src/flow/stream/stream_receiver.ts";
import { READABLE } from "../../../src/sys/poller.ts";
import { type Socket, WOULD_BLOCK } from "../../../src/sys/socket.ts";
import { lingerSeconds } from "../../../src/sys/socket_options.ts";
import { TineError } from "../../../src/base/errors.ts";
import { tcpPair, until } from "../../sys/tcp_pair.ts";

const ignore = Deno.build.os !== "linux";

/** Zeros, and 1 at some places. */
function bytes(length: number, ...ones: number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (const i of ones) bytes[i] = 1;
  return bytes;
}

/** Sends, and waits until all of it is there. */
function deliver(from: Socket, to: Socket, bytes: Uint8Array<ArrayBuffer>): void {
  const before = to.available();
  assertEquals(from.send(bytes), bytes.length);
  while (to.available() < before + bytes.length) until(to, READABLE);
}

/** A reader of what the client of a pair sends. */
function readerOf(
  { server }: { server: Socket },
  bufLenBytes = 131072,
  more: Partial<ReadTransfer> = {},
): TransferReader {
  const peer = new StreamPeer(new SocketStreamPort(server), "client 10.0.0.1:5");
  return new TransferReader(peer, { bufLenBytes, ...more });
}

function codeOf(run: () => unknown): string {
  return assertThrows(run, TineError).code;
}

Deno.test({
  name: "TransferReader.read() counts what is there, and sees the mark at its end",
  ignore,
  fn() {
    for (const family of ["ipv4", "ipv6"] as const) {
      using pair = tcpPair(family);
      const reader = readerOf(pair);
      assertEquals(reader.read(), WOULD_BLOCK);
      for (const length of [1, 2, 3, 1000, 100_000]) {
        deliver(pair.client, pair.server, bytes(length));
        assertEquals([reader.read(), reader.complete, reader.read()], [length, false, WOULD_BLOCK]);
      }
      deliver(pair.client, pair.server, bytes(70_000, 69_999));
      assertEquals([reader.read(), reader.complete], [70_000, true]);
    }
  },
});

Deno.test({
  name: "TransferReader.read() sees a mark that comes alone",
  ignore,
  fn() {
    using pair = tcpPair("ipv4");
    const reader = readerOf(pair);
    deliver(pair.client, pair.server, bytes(5000));
    assertEquals([reader.read(), reader.complete], [5000, false]);
    deliver(pair.client, pair.server, bytes(1, 0));
    assertEquals([reader.read(), reader.complete], [1, true]);
  },
});

Deno.test({
  name: "TransferReader.read() is never longer than it may be, and looks at nothing that has something behind it",
  ignore,
  fn() {
    for (const length of [1, 2, 7, 10, 11, 12]) {
      using pair = tcpPair("ipv4");
      const reader = readerOf(pair, length);
      deliver(pair.client, pair.server, bytes(11, ...Array(11).keys()));
      let total = 0;
      while (!reader.complete) {
        const count = reader.read();
        assert(count >= 1 && count <= length);
        total += count;
        assertEquals(reader.complete, total === 11);
      }
    }
  },
});

Deno.test({
  name: "TransferReader.read() counts exactly whatever the lengths of writes and reads",
  ignore,
  fn() {
    let state = 1;
    const below = (limit: number) => (state = state * 48271 % 0x7fffffff) % limit;
    for (let round = 0; round < 200; round++) {
      using pair = tcpPair("ipv4");
      const reader = readerOf(pair, 1 + below(below(2) === 0 ? 5 : 5000));
      let sent = 0, received = 0;
      for (let left = 1 + below(8); left > 0; left--) {
        const length = 1 + below(below(2) === 0 ? 3 : 3000);
        deliver(pair.client, pair.server, left === 1 ? bytes(length, length - 1) : bytes(length));
        sent += length;
        for (let reads = below(3); reads > 0 && received < sent; reads--) received += reader.read();
      }
      while (!reader.complete && received < sent) received += reader.read();
      assertEquals([received, reader.complete, pair.server.available()], [sent, true, 0]);
    }
  },
});

Deno.test({
  name: "TransferReader.read() throws the end and a reset after what came before",
  ignore,
  fn() {
    for (const [linger, code] of [[false, "connection-closed"], [true, "connection-reset"]] as const) {
      for (const length of [0, 1, 777]) {
        using pair = tcpPair("ipv4");
        const reader = readerOf(pair);
        if (length > 0) deliver(pair.client, pair.server, bytes(length));
        if (linger) pair.client.set(lingerSeconds, 0);
        pair.client.close();
        if (length > 0) assertEquals(reader.read(), length);
        until(pair.server, READABLE);
        assertEquals(codeOf(() => reader.read()), code);
      }
    }
  },
});

Deno.test({
  name: "TransferReader.read() sees an end mark wherever it is cut, and not before all of it is there",
  ignore,
  fn() {
    const endMark = "00112233445566778899aabbccddeeff", mark = Uint8Array.fromHex(endMark);
    for (const [bufLenBytes, payload] of [[131072, 1000], [1000, 1000], [1008, 1000], [7, 40], [1, 3], [1000, 0]]) {
      for (let cut = 0; cut <= mark.length; cut++) {
        using pair = tcpPair("ipv4");
        const reader = readerOf(pair, bufLenBytes, { endMark });
        let total = 0;
        const readAll = () => {
          for (
            let count = reader.read();
            count !== WOULD_BLOCK;
            count = reader.complete ? WOULD_BLOCK : reader.read()
          ) {
            total += count;
          }
        };
        // What begins as the mark does is no mark.
        deliver(
          pair.client,
          pair.server,
          new Uint8Array([...new Uint8Array(payload).fill(0x22), ...mark.subarray(0, cut)]),
        );
        if (cut < mark.length) {
          readAll();
          assertEquals([total, reader.complete], [payload + cut, false], `${bufLenBytes} ${payload} ${cut}`);
          deliver(pair.client, pair.server, mark.slice(cut));
        }
        readAll();
        assertEquals([total, reader.complete], [payload + mark.length, true], `${bufLenBytes} ${payload} ${cut}`);
      }
    }
  },
});

Deno.test({
  name: "TransferReader.read() is complete at the length of the transfer, whatever its last bytes are",
  ignore,
  fn() {
    using pair = tcpPair("ipv4");
    const reader = readerOf(pair, 100, { endMark: "00".repeat(16), lengthBytes: 5 });
    deliver(pair.client, pair.server, new Uint8Array(4).fill(255));
    assertEquals([reader.read(), reader.complete], [4, false]);
    deliver(pair.client, pair.server, new Uint8Array(1));
    assertEquals([reader.read(), reader.complete], [1, true]);
  },
});
