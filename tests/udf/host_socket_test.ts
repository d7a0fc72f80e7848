import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connectSocket, formatAddress } from "../../src/udf/udf_socket.ts";
import { listenTcp } from "../../src/udf/agent_server.ts";
import { listenUnix } from "../../src/udf/unix_listener.ts";
import { TineError } from "../../src/base/errors.ts";
import { decodeRequest } from "../../src/udf/codec.ts";
import type { Response } from "../../src/udf/messages.ts";
import { ByteReader } from "../../src/wire/byte_reader.ts";
import { writeAll } from "../../src/wire/connection.ts";
import { FrameReader } from "../../src/wire/frame_reader.ts";
import { frame, responseBytes } from "../support/bytes.ts";
import { HostProbe } from "../support/scripted_udf.ts";
import { pointRequest } from "../support/udf_driver.ts";

Deno.test("formatAddress() writes addresses as people do", () => {
  assertEquals(formatAddress({ path: "/tmp/s" }), "/tmp/s");
  assertEquals(formatAddress({ hostname: "127.0.0.1", port: 9 }), "127.0.0.1:9");
  assertEquals(formatAddress({ hostname: "::1", port: 9 }), "[::1]:9");
});

Deno.test("connectSocket() says what is wrong where nothing listens", async () => {
  const dir = await Deno.makeTempDir();
  const none = await assertRejects(() => connectSocket({ path: `${dir}/s` }), TineError);
  assertEquals(none.message, `cannot connect to ${dir}/s: there is no such socket; is the UDF running?`);
  await Deno.writeTextFile(`${dir}/s`, "");
  await assertRejects(() => connectSocket({ path: `${dir}/s` }), TineError, "connection refused");
  await Deno.remove(dir, { recursive: true });
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await assertRejects(
    () => connectSocket({ hostname: "127.0.0.1", port }, 60),
    TineError,
    "within 0.06 s: connection refused",
  );
});

Deno.test("connectSocket() tries again until the UDF listens, and stops when it is aborted", async () => {
  const dir = await Deno.makeTempDir();
  const connecting = connectSocket({ path: `${dir}/s` }, 10_000);
  const unix = await listenUnix(`${dir}/s`);
  const accepting = unix.listener.accept();
  await (await connecting).close();
  (await accepting).close();
  unix.close();
  const controller = new AbortController();
  const canceled = assertRejects(() => connectSocket({ path: `${dir}/s` }, 3_600_000, controller.signal), TineError);
  controller.abort();
  await canceled;
  await Deno.remove(dir, { recursive: true });
});

/** A UDF behind a socket that does what the test tells it. */
async function connect(transport: string, timeoutMs: number) {
  const dir = await Deno.makeTempDir();
  const unix = transport === "Unix" ? await listenUnix(`${dir}/s`) : undefined;
  const listener: Deno.Listener = unix?.listener ?? listenTcp({ hostname: "127.0.0.1", port: 0 });
  const { addr } = listener;
  const address = "hostname" in addr ? { hostname: addr.hostname, port: addr.port } : { path: `${dir}/s` };
  const accepting = listener.accept();
  const peer = await connectSocket(address);
  const udf = await accepting;
  if (unix === undefined) listener.close();
  else unix.close();
  await Deno.remove(dir, { recursive: true });
  return { udf, probe: new HostProbe(peer, { timeoutMs }) };
}

/** Answers like Go's agent: what is read last is written a while after the end was read, when the socket is closed. */
async function closeAtEnd(udf: Deno.Conn): Promise<string> {
  const frames = new FrameReader(udf);
  let writing = Promise.resolve();
  let open = true;
  let lost = 0;
  do {
    while (frames.next()) {
      const request = decodeRequest(new ByteReader().reset(frames.bytes.slice(frames.start, frames.end)));
      if (request.kind !== "point" && request.kind !== "keepalive") continue;
      const response: Response = request.kind === "point" ? { kind: "point", point: request.point.copy() } : request;
      writing = writing.then(async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (open) await writeAll(udf, frame(responseBytes(response)));
        else lost++;
      });
    }
  } while (await frames.fill());
  open = false;
  udf.close();
  await writing;
  return lost === 0 ? "all was written" : `${lost} responses were lost`;
}

for (const transport of ["Unix", "TCP"]) {
  Deno.test(`a UDF behind a socket that neither reads nor writes is given up (${transport})`, async () => {
    const { udf, probe } = await connect(transport, 60);
    const { point } = pointRequest(1, "x".repeat(500_000));
    const error = await assertRejects(async () => {
      for (;;) await probe.host.point(point);
    }, TineError);
    assertEquals(error.code, "keepalive-timeout");
    assertEquals(await probe.failure(), error);
    udf.close();
  });

  Deno.test(`a UDF behind a socket that does not read does not hold up stop() (${transport})`, async () => {
    const { udf, probe } = await connect(transport, 60);
    void probe.host.point(pointRequest(1, "x".repeat(9_000_000)).point);
    assertStringIncludes((await probe.failure()).message, "no sign of life");
    udf.close();
  });

  Deno.test(`a UDF that closes its socket at the end of its input, as Go's agent does, has sent all (${transport})`, async () => {
    const { udf, probe } = await connect(transport, 10_000);
    const ended = closeAtEnd(udf);
    for (let i = 0; i < 20; i++) await probe.host.point(pointRequest(i).point);
    await probe.host.stop();
    assertEquals(await ended, "all was written");
    assertEquals(probe.host.counts.pointsOut, 20);
  });

  Deno.test(`a UDF behind a socket that answers no keepalive does not hold up stop() (${transport})`, async () => {
    const { udf, probe } = await connect(transport, 60_000);
    const reading = udf.readable.pipeTo(new WritableStream({ close: () => udf.close() })).catch(() => {});
    await probe.host.point(pointRequest(1).point);
    await probe.host.stop();
    await reading;
  });

  Deno.test(`a connection that is cut is an error (${transport})`, async () => {
    const { udf, probe } = await connect(transport, 10_000);
    const asked = assertRejects(() => probe.host.info(), TineError);
    await udf.read(new Uint8Array(100));
    udf.close();
    assertEquals((await asked).message, "the UDF ended its output without answering info");
    await probe.failure();
    const other = await connect(transport, 10_000);
    await other.udf.write(new Uint8Array([100, 1, 2]));
    other.udf.close();
    assert(await other.probe.failure());
  });
}
