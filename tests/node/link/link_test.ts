import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { type Frame, Kind, Lane, MAX_FRAME_BYTES } from "../../../src/node/protocol/frame.ts";
import { splitLogs } from "../../../src/node/protocol/log_batch.ts";
import type { Connection } from "../../../src/wire/connection.ts";
import { TineError } from "../../../src/base/errors.ts";
import { pipe } from "../../../src/wire/pipe.ts";
import { concat, varint } from "../../support/bytes.ts";
import { frameBytes, message, textOf } from "../protocol/frames.ts";
import { childLink, closeAll, parentLink, range, Stalled } from "./links.ts";

Deno.test("Link carries messages both ways, in order, and numbers those of each data lane", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  const parent = parentLink(down);
  for (let i = 0; i < 3; i++) {
    child.link.send(message(Kind.sysInfo, `entry ${i}`));
    child.link.send(message(Kind.fileData, `piece ${i}`, "a.txt"));
    child.link.send(message(Kind.progress, "{}", "f"));
    parent.link.send(message(Kind.run, `run ${i}`, String(i)));
  }
  await closeAll(child.link, parent.link);
  assertEquals(child.got.map(textOf), ["run 0", "run 1", "run 2"]);
  const of = (kind: Kind) => parent.got.filter((frame) => frame.kind === kind);
  assertEquals(of(Kind.sysInfo).map((frame) => [frame.number, textOf(frame)]), [[1, "entry 0"], [2, "entry 1"], [
    3,
    "entry 2",
  ]]);
  assertEquals(of(Kind.fileData).map((frame) => [frame.number, frame.name]), [[1, "a.txt"], [2, "a.txt"], [
    3,
    "a.txt",
  ]]);
  assertEquals(of(Kind.progress).map((frame) => frame.number), [0, 0, 0]);
});

Deno.test("Link.send() cuts a message into frames of at most 64 KiB", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  const sizes: number[] = [];
  const parent = parentLink(down, { receive: (frame, bytes) => void sizes.push(bytes.length, frame.more ? 1 : 0) });
  const payload = new Uint8Array(200_000);
  child.link.send(message(Kind.error, payload));
  child.link.send(message(Kind.fileData, payload, "a"));
  await closeAll(child.link, parent.link);
  const frames = sizes.filter((_, i) => i % 2 === 0);
  assert(frames.every((size) => size <= MAX_FRAME_BYTES), String(frames));
  assertEquals(sizes.filter((_, i) => i % 2 === 1), [1, 1, 1, 0, 0, 0, 0, 0]);
});

Deno.test("Link.send() gathers log entries while others wait, and keeps all in order", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  for (let i = 0; i < 5; i++) child.link.send(message(Kind.log, `a${i}`));
  child.link.send(message(Kind.sysInfo, "b"));
  for (let i = 0; i < 5000; i++) child.link.send(message(Kind.log, `c${i} ${"x".repeat(20)}`));
  child.link.send(message(Kind.log, "d".repeat(100_000)));
  child.link.send(message(Kind.error, "urgent"));
  child.link.send(message(Kind.log, "e"));
  const parent = parentLink(down);
  await closeAll(child.link, parent.link);
  const frames = parent.got.filter(({ lane }) => lane === Lane.record);
  assertEquals(frames.map(({ number }) => number), range(1, frames.length));
  assertLess(frames.length, 15);
  const entries = frames.flatMap((frame) => frame.kind === Kind.logs ? splitLogs(frame) : [frame]);
  const texts = entries.map((entry) => textOf(entry).split(" ")[0].slice(0, 10));
  assertEquals(texts, [
    ...Array.from({ length: 5 }, (_, i) => `a${i}`),
    "b",
    ...Array.from({ length: 5000 }, (_, i) => `c${i}`),
    "d".repeat(10),
    "d".repeat(10),
    "e",
  ]);
});

Deno.test("Link.send() sends a log entry at once where nothing waits", async () => {
  const [up, down] = pipe();
  const came: (() => void)[] = [];
  const child = childLink(up);
  const parent = parentLink(down, { receive: () => came.shift()?.() });
  for (let i = 0; i < 3; i++) {
    const coming = new Promise<void>((resolve) => came.push(resolve));
    child.link.send(message(Kind.log, `entry ${i}`));
    await coming;
  }
  await closeAll(child.link, parent.link);
});

Deno.test("Link.send() refuses records that do not fit into a frame", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  const parent = parentLink(down);
  const error = await assertRejects(
    async () => await child.link.send(message(Kind.records, new Uint8Array(65_600), "f")),
    TineError,
  );
  assertEquals(error.code, "chunk-too-large");
  child.link.send(message(Kind.records, new Uint8Array(60 * 1024), "f"));
  await closeAll(child.link, parent.link);
  assertEquals(parent.got.length, 1);
});

Deno.test("Link lets urgent messages through while a consumer stands still, and sends no more than was allowed", async () => {
  const [up, down] = pipe();
  const windowBytes = 256 * 1024;
  const stalled = new Stalled();
  const child = childLink(up);
  const parent = parentLink(down, { receive: stalled.receive, windowBytes });
  for (let i = 0; i < 100; i++) child.link.send(message(Kind.records, new Uint8Array(30_000), "f"));
  await stalled.until(8);
  child.link.send(message(Kind.error, "urgent"));
  await stalled.until(9);
  assertEquals(stalled.got[8].kind, Kind.error);
  assert(child.link.room(Lane.record) !== undefined);
  assertEquals(child.link.room(Lane.bulk), undefined);
  stalled.go();
  await child.link.room(Lane.record);
  await closeAll(child.link, parent.link);
  assertEquals(stalled.got.filter((frame) => frame.kind === Kind.records).map(({ number }) => number), range(1, 100));
});

Deno.test("Link sends records before files, and files now and then", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  for (let i = 0; i < 40; i++) child.link.send(message(Kind.fileData, new Uint8Array(50_000), "a"));
  for (let i = 0; i < 40; i++) child.link.send(message(Kind.records, new Uint8Array(50_000), "f"));
  const parent = parentLink(down, { windowBytes: 64 * 1024 * 1024 });
  await closeAll(child.link, parent.link);
  const order = parent.got.map(({ kind }) => kind === Kind.records ? "r" : "f").join("");
  // Without credit nothing goes; with it, a file's frame for every half a MiB of records.
  assertEquals(
    order,
    "r".repeat(11) + "f" + "r".repeat(11) + "f" + "r".repeat(11) + "f" + "r".repeat(7) + "f".repeat(37),
  );
});

Deno.test("Link.forward() hands frames on as they are, and its sources take turns", async () => {
  const [up, down] = pipe();
  const middle = childLink(up);
  const order: string[] = [];
  const parent = parentLink(down, {
    windowBytes: 64 * 1024 * 1024,
    receive: (frame, bytes) => {
      order.push(frame.origin);
      assertEquals(bytes, expected.get(`${frame.origin} ${frame.number}`));
    },
  });
  const expected = new Map<string, Uint8Array>();
  const forwarded: Promise<void>[] = [];
  for (const [origin, size] of [["large", 60_000], ["small", 6_000]] as const) {
    for (let number = 1; number <= 20; number++) {
      const frame: Frame = {
        kind: Kind.records,
        lane: Lane.record,
        origin,
        name: "f",
        number,
        more: false,
        payload: new Uint8Array(size),
      };
      const bytes = concat([frameBytes(frame), varint(15 << 3), varint(number)]); // with a field that nobody knows
      expected.set(`${origin} ${number}`, bytes);
      forwarded.push(middle.link.forward(frame, bytes, origin));
    }
  }
  await Promise.all(forwarded);
  await closeAll(middle.link, parent.link);
  const first = order.slice(0, 13).filter((origin) => origin === "small").length;
  assertEquals(first, 11, order.join(" "));
  assertEquals(order.length, 40);
});

Deno.test("Link.forward() resolves when the frame is written, so that the child gets its credit back only then", async () => {
  const [childUp, childDown] = pipe();
  const [up, down] = pipe();
  const stalled = new Stalled();
  const child = childLink(childUp);
  const root = parentLink(down, { receive: stalled.receive, windowBytes: 128 * 1024 });
  const toRoot = childLink(up);
  let waiting = 0, most = 0;
  const toChild = parentLink(childDown, {
    windowBytes: 128 * 1024,
    receive: async (frame, bytes) => {
      most = Math.max(most, waiting += bytes.length);
      await toRoot.link.forward(frame, bytes, "left");
      waiting -= bytes.length;
    },
  });
  for (let i = 0; i < 64; i++) child.link.send(message(Kind.records, new Uint8Array(20_000), "f"));
  child.link.send(message(Kind.error, "help"));
  await stalled.until(7);
  assert(stalled.got.some(({ kind }) => kind === Kind.error));
  stalled.go();
  await Promise.all([child.link.close(), toChild.link.close()]);
  await Promise.all([child.link.closed, toChild.link.closed]);
  await closeAll(toRoot.link, root.link);
  assertEquals(stalled.got.filter(({ kind }) => kind === Kind.records).map(({ number }) => number), range(1, 64));
  assertLess(most, 128 * 1024 + 1);
});

Deno.test("Link puts what does not fit into memory into a file, and sends it in order", async () => {
  const [up, down] = pipe();
  const path = await Deno.makeTempFile();
  const stalled = new Stalled();
  const child = childLink(up, {
    memory: 100_000,
    spillFile: () => Deno.openSync(path, { read: true, write: true }),
  });
  const parent = parentLink(down, { receive: stalled.receive, windowBytes: 128 * 1024 });
  for (let i = 1; i <= 200; i++) {
    child.link.send(message(Kind.records, new Uint8Array(5000).fill(i), "f"));
    child.link.send(message(Kind.fileData, new Uint8Array(3000).fill(i), "a"));
    child.link.send(message(Kind.error, `${i}`));
  }
  await stalled.until(200);
  // 200 * 8000 bytes less what fits into memory and into the windows.
  assertLess(1_000_000, (await Deno.stat(path)).size);
  stalled.go();
  for (let i = 201; i <= 300; i++) child.link.send(message(Kind.records, new Uint8Array(5000).fill(i), "f"));
  await child.link.close();
  assertEquals((await Deno.stat(path)).size, 0);
  await closeAll(child.link, parent.link);
  const of = (kind: Kind) => stalled.got.filter((frame) => frame.kind === kind);
  assertEquals(of(Kind.records).map(({ number }) => number), range(1, 300));
  assert(of(Kind.records).every(({ number, payload }) => payload[0] === (number & 0xff)));
  assertEquals(of(Kind.fileData).map(({ number }) => number), range(1, 200));
  assertEquals(of(Kind.error).map(textOf), range(1, 200).map(String));
  await Deno.remove(path);
});

Deno.test("Link makes a temporary file without a name where it is given none", async () => {
  const folder = await Deno.makeTempDir();
  const [up, down] = pipe();
  const tmpdir = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  const child = childLink(up, { memory: 1000 });
  for (let i = 0; i < 100; i++) child.link.send(message(Kind.sysInfo, "x".repeat(1000)));
  await Promise.resolve();
  assertEquals([...Deno.readDirSync(folder)], []);
  if (tmpdir === undefined) Deno.env.delete("TMPDIR");
  else Deno.env.set("TMPDIR", tmpdir);
  const parent = parentLink(down);
  await closeAll(child.link, parent.link);
  assertEquals(parent.got.map(({ number }) => number), range(1, 100));
  await Deno.remove(folder);
});

Deno.test("Link.close() sends the last message after what was queued before, also from children", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  const frame: Frame = { ...message(Kind.log, "below"), origin: "below", lane: Lane.record, number: 1, more: false };
  let forwarded = false;
  child.link.send(message(Kind.fileData, "own", "a.txt"));
  child.link.forward(frame, frameBytes(frame), "below").then(() => forwarded = true);
  let closed = false;
  const closing = child.link.close(message(Kind.canceled, "last")).then(() => closed = true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(closed, false);
  const parent = parentLink(down);
  await closing;
  assertEquals(forwarded, true);
  await closeAll(parent.link);
  await child.link.closed;
  assertEquals(parent.got.map(textOf), ["below", "own", "last"]);
});

Deno.test("Link.close() ends the outgoing stream after all data, and what still comes is received", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  const parent = parentLink(down, { windowBytes: 128 * 1024 });
  await parent.link.close();
  await child.link.closed;
  // The parent can allow nothing any more: from now on there is no limit.
  for (let i = 0; i < 100; i++) child.link.send(message(Kind.records, new Uint8Array(10_000), "f"));
  await child.link.close();
  await parent.link.closed;
  assertEquals(parent.got.length, 100);
});

Deno.test("Link.close() reports the end also where a process keeps its standard output open", async () => {
  const pipes = pipe();
  const open: Connection[] = pipes.map((end) => ({
    read: (buffer) => end.read(buffer),
    write: (bytes) => end.write(bytes),
    closeWrite: () => Promise.resolve(),
    close: () => end.close(),
  }));
  const child = childLink(open[0]);
  const parent = parentLink(open[1]);
  child.link.send(message(Kind.canceled, "because"));
  await child.link.close();
  await parent.link.closed;
  assertEquals(parent.got.map(textOf), ["because"]);
  await parent.link.close();
  await child.link.closed;
});

Deno.test("Link takes messages after close() nowhere, and refuses to forward", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  const parent = parentLink(down);
  await closeAll(child.link, parent.link);
  child.link.send(message(Kind.log, "late"));
  const frame: Frame = { ...message(Kind.log), lane: Lane.record, number: 1, more: false };
  const error = await assertRejects(() => child.link.forward(frame, frameBytes(frame), "x"), TineError);
  assertEquals(error.code, "link-closed");
  assertEquals(parent.got, []);
});
