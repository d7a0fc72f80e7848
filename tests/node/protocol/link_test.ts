import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { type Frame, Kind, Lane, MAX_FRAME_BYTES } from "../../../src/node/protocol/frame.ts";
import { decodeFrame } from "../../../src/node/protocol/frame_codec.ts";
import { Link, type LinkOptions } from "../../../src/node/protocol/link.ts";
import type { Connection } from "../../../src/wire/connection.ts";
import { TineError, WireError } from "../../../src/wire/errors.ts";
import { pipe } from "../../../src/wire/pipe.ts";
import { concat, frame, varint } from "../../support/bytes.ts";
import { frameBytes, message, textOf } from "./frames.ts";

const HOUR_MS = 3_600_000;
/** No heartbeats: what the tests see is what they sent. */
const QUIET = { heartbeatMs: HOUR_MS, silenceMs: HOUR_MS };

/** A link whose peer is `node left`, and all that comes over it. */
function parentLink(connection: Connection, options: Partial<LinkOptions> = {}): { link: Link; got: Frame[] } {
  const got: Frame[] = [];
  return {
    link: new Link(connection, { peer: "node left", receive: (frame) => void got.push(frame), ...QUIET, ...options }),
    got,
  };
}

function childLink(connection: Connection, options: Partial<LinkOptions> = {}): { link: Link; got: Frame[] } {
  return parentLink(connection, { peer: "the parent", ...options });
}

async function closeAll(...links: Link[]): Promise<void> {
  await Promise.all(links.map((link) => link.close()));
  await Promise.all(links.map((link) => link.closed));
}

/** A receiver that works nothing off until it is told to. */
class Stalled {
  readonly got: Frame[] = [];
  readonly #go = Promise.withResolvers<void>();
  #waiters: { count: number; reached: () => void }[] = [];

  readonly receive = (frame: Frame): Promise<void> | undefined => {
    this.got.push(frame);
    for (const { count, reached } of this.#waiters) if (this.got.length >= count) reached();
    return frame.lane === Lane.urgent ? undefined : this.#go.promise;
  };

  /** Resolves when so many frames have come. */
  until(count: number): Promise<void> {
    return new Promise((reached) => {
      if (this.got.length >= count) reached();
      else this.#waiters.push({ count, reached });
    });
  }

  go(): void {
    this.#go.resolve();
  }
}

Deno.test("Link carries messages both ways, in order, and numbers those of each data lane", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  const parent = parentLink(down);
  for (let i = 0; i < 3; i++) {
    child.link.send(message(Kind.log, `entry ${i}`));
    child.link.send(message(Kind.fileData, `piece ${i}`, "a.txt"));
    child.link.send(message(Kind.progress, "{}", "f"));
    parent.link.send(message(Kind.run, `run ${i}`, String(i)));
  }
  await closeAll(child.link, parent.link);
  assertEquals(child.got.map(textOf), ["run 0", "run 1", "run 2"]);
  const of = (kind: Kind) => parent.got.filter((frame) => frame.kind === kind);
  assertEquals(of(Kind.log).map((frame) => [frame.number, textOf(frame)]), [[1, "entry 0"], [2, "entry 1"], [
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

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

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
  await child.link.flushed();
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
  for (let i = 0; i < 100; i++) child.link.send(message(Kind.log, "x".repeat(1000)));
  await Promise.resolve();
  assertEquals([...Deno.readDirSync(folder)], []);
  if (tmpdir === undefined) Deno.env.delete("TMPDIR");
  else Deno.env.set("TMPDIR", tmpdir);
  const parent = parentLink(down);
  await closeAll(child.link, parent.link);
  assertEquals(parent.got.map(({ number }) => number), range(1, 100));
  await Deno.remove(folder);
});

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
    assertEquals(await assertRejects(() => child.link.flushed(), TineError), error);
    await parent.link.closed;
    await parent.link.close().catch(() => {});
  }
});

Deno.test("Link.flushed() resolves when what was queued before is written, also from children", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  const frame: Frame = { ...message(Kind.log, "below"), origin: "below", lane: Lane.record, number: 1, more: false };
  let forwarded = false;
  child.link.send(message(Kind.log, "own"));
  child.link.forward(frame, frameBytes(frame), "below").then(() => forwarded = true);
  let flushed = false;
  const flushing = child.link.flushed().then(() => flushed = true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(flushed, false);
  const parent = parentLink(down);
  await flushing;
  assertEquals(forwarded, true);
  assertEquals(parent.got.length, 2);
  await closeAll(child.link, parent.link);
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

Deno.test("Link.close() tells of the end also where a process keeps its standard output open", async () => {
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

Deno.test("Link.abort() ends both directions at once, with what waits", async () => {
  const [up, down] = pipe();
  const child = childLink(up);
  child.link.send(message(Kind.log, "waits"));
  const flushing = assertRejects(() => child.link.flushed(), TineError, "was given up");
  child.link.abort();
  await flushing;
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

/** Keeps the event loop going while only timers of links are left: those do not. */
function awake(): Disposable {
  const timer = setInterval(() => {}, HOUR_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

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
  const error = await assertRejects(() => parent.link.flushed(), TineError);
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
