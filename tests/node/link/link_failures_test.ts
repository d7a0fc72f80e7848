import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { decodeFrame, type Frame, Kind, Lane, MAX_FRAME_BYTES } from "../../../src/node/protocol/frame.ts";
import type { Connection } from "../../../src/wire/connection.ts";
import { TineError, WireError } from "../../../src/base/errors.ts";
import { pipe } from "../../../src/wire/pipe.ts";
import { concat, frame, varint } from "../../support/bytes.ts";
import { frameBytes, message, textOf } from "../protocol/frames.ts";
import { awake, childLink, closeAll, HOUR_MS, parentLink, range, Stalled } from "./links.ts";

Deno.test("Link ends with an error where the file cannot be opened or written", async () => {
  const open = () => {
    throw new Deno.errors.NotFound("no such folder");
  };
  const full = () => Deno.openSync("/dev/full", { read: true, write: true });
  for (const spillFile of [open, full]) {
    const [up, down] = pipe();
    const child = childLink(up, { memory: 10, spillFile });
    const parent = parentLink(down);
    child.link.send(message(Kind.log, "more than ten bytes"));
    const error = await assertRejects(() => child.link.closed, TineError);
    assertEquals(error.code, "spill-failed");
    assertEquals(await assertRejects(() => child.link.close(), TineError), error);
    await parent.link.closed;
    await parent.link.close().catch(() => {});
  }
});

Deno.test("Link.abort() ends both directions at once, with what waits", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  child.link.send(message(Kind.log, "waits"));
  const closing = assertRejects(() => child.link.close(), TineError, "was given up");
  child.link.abort();
  await closing;
  await assertRejects(() => child.link.closed, TineError, "the connection to the parent was given up");
  await assertRejects(() => child.link.close(), TineError);
  assertEquals(child.link.room(Lane.record), undefined);
  const parent = parentLink(down);
  await parent.link.closed;
  await assertRejects(() => parent.link.close(), TineError);
});

Deno.test("Link rejects closed with what receive throws", async () => {
  for (
    const receive of [() => Promise.reject(new Error("no")), () => {
      throw new Error("no");
    }]
  ) {
    const [up, down] = pipe();
    const child = childLink(up);
    const parent = parentLink(down, { receive });
    child.link.send(message(Kind.log));
    const error = await assertRejects(() => parent.link.closed, Error);
    assertStringIncludes(error.message, "no");
    await child.link.closed;
    await child.link.close().catch(() => {});
  }
});

/** What a link says of a peer that writes these bytes and then ends. */
async function verdictOn(bytes: Uint8Array): Promise<Error> {
  const [wild, down] = pipe();
  const stalled = new Stalled();
  const parent = parentLink(down, { receive: stalled.receive });
  const reading = (async () => {
    const buffer = new Uint8Array(4096);
    while (await wild.read(buffer) !== null);
  })();
  await wild.write(bytes).catch(() => {});
  await wild.closeWrite();
  const error = await assertRejects(() => parent.link.closed, Error);
  await reading;
  return error;
}

Deno.test("Link refuses a peer that breaks the protocol, naming it", async () => {
  const record = (length: number): Frame => ({
    ...message(Kind.records, new Uint8Array(length), "f"),
    lane: Lane.record,
    number: 1,
    more: false,
  });
  const credit = (payload: Uint8Array) =>
    frameBytes({ ...message(Kind.credit, payload), lane: 0, number: 0, more: false });
  const cases: [Uint8Array, string][] = [
    [frame(frameBytes(record(1000))).subarray(0, 500), "cut-frame"],
    [varint(MAX_FRAME_BYTES + 1), "frame-too-large"],
    [new TextEncoder().encode("bash: tine: command not found\n"), "cut-frame"],
    [frame(new Uint8Array([0xff])), "cut-message"],
    [concat(range(1, 30).map(() => frame(frameBytes(record(60_000))))), "credit-exceeded"],
    [frame(frameBytes({ ...record(1), lane: Lane.urgent })), "bad-lane"],
    [frame(credit(new Uint8Array([1]))), "cut-message"],
    [frame(credit(new Uint8Array([1, 1, 1]))), "bad-credit"],
  ];
  for (const [bytes, code] of cases) {
    const error = await verdictOn(bytes);
    assert(error instanceof WireError, error.message);
    assertEquals(error.code, code);
    assertStringIncludes(error.message, "node left broke the protocol: ");
  }
});

Deno.test("Link skips frames of kinds that it does not know below 16, and hands the others out", async () => {
  const [wild, down] = pipe();
  const parent = parentLink(down);
  const [none, control, result] = [0, 15, 200].map((kind) =>
    frame(frameBytes({ ...message(kind as Kind), lane: Lane.record, number: 1, more: false }))
  );
  const sending = (async () => {
    await wild.write(concat([none.subarray(0, 0), control, result]));
    await wild.closeWrite();
  })();
  const buffer = new Uint8Array(4096);
  await wild.read(buffer);
  await sending;
  await parent.link.closed;
  await Promise.all([parent.link.close(), wild.read(buffer)]);
  assertEquals(parent.got.map((frame): number => frame.kind), [200]);
});

Deno.test("Link ends when the other side is silent, and not while it gives signs of life", async () => {
  using _ = awake();
  const [up, down] = pipe();
  const child = childLink(up, { heartbeatMs: 5, silenceMs: HOUR_MS });
  const parent = parentLink(down, { heartbeatMs: 20, silenceMs: 100 });
  let over = false;
  parent.link.closed.catch(() => over = true);
  await new Promise((resolve) => setTimeout(resolve, 250));
  assertEquals(over, false);
  await closeAll(child.link, parent.link);

  const [silent, other] = pipe();
  const lonely = parentLink(other, { heartbeatMs: 5, silenceMs: 20 });
  const error = await assertRejects(() => lonely.link.closed, TineError);
  assertEquals(error.code, "node-silent");
  assertEquals(error.message, "node left gave no sign of life for 0.02 s");
  silent.close();
});

Deno.test("Link gives one sign of life while a write is under way, however long that takes", async () => {
  using _ = awake();
  const [up, down] = pipe();
  const child = childLink(up, { heartbeatMs: 1 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const buffer = new Uint8Array(4096);
  const count = await down.read(buffer);
  assertEquals(decodeFrame(buffer.subarray(1, count!)).kind, Kind.credit);
  assertEquals(await down.read(buffer), 3);
  assertEquals(decodeFrame(buffer.subarray(1, 3)).kind, Kind.heartbeat);
  child.link.abort();
  down.close();
});

Deno.test("Link reads what the other side said before it went away, although it can write no more", async () => {
  const [up, down] = pipe();
  const incoming = Promise.withResolvers<void>();
  const broken: Connection = {
    read: async (buffer) => {
      await incoming.promise;
      return await up.read(buffer);
    },
    write: () => Promise.reject(new Deno.errors.BrokenPipe("Broken pipe")),
    closeWrite: () => Promise.resolve(),
    close: () => up.close(),
  };
  const parent = parentLink(broken);
  parent.link.send(message(Kind.cancel));
  const error = await assertRejects(() => parent.link.close(), TineError);
  assertEquals([error.code, error.message], ["connection-failed", "the connection to node left failed: Broken pipe"]);
  incoming.resolve();
  const last: Frame = { ...message(Kind.log, "last words"), lane: Lane.record, number: 1, more: false };
  await down.write(frame(frameBytes(last)));
  await down.closeWrite();
  await parent.link.closed;
  assertEquals(parent.got.map(textOf), ["last words"]);
  await assertRejects(() => parent.link.close(), TineError, "Broken pipe");
});

Deno.test("Link gives up a peer that speaks but does not listen", async () => {
  using _ = awake();
  const [up, down] = pipe();
  const broken: Connection = {
    read: (buffer) => up.read(buffer),
    write: () => Promise.reject(new Deno.errors.BrokenPipe("Broken pipe")),
    closeWrite: () => Promise.resolve(),
    close: () => up.close(),
  };
  const parent = parentLink(broken, { heartbeatMs: 5, silenceMs: 30 });
  const child = childLink(down, { heartbeatMs: 5 });
  const error = await assertRejects(() => parent.link.closed, TineError);
  assertEquals(error.code, "connection-failed");
  await child.link.closed;
  await child.link.close().catch(() => {});
});
