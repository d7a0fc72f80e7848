import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { type RunningUdf, startInProcess } from "../../src/udf/running_udf.ts";
import { startModule } from "../../src/udf/module/module_runner.ts";
import { defaultFrameLimit, largestSnapshotBytes } from "../../src/udf/snapshot_limit.ts";
import { Supervisor } from "../../src/udf/supervise/supervisor.ts";
import { TineError } from "../../src/base/errors.ts";
import { FrameReader } from "../../src/wire/frame_reader.ts";
import { HostProbe, responseFrames, scripted } from "../support/scripted_udf.ts";
import { OK, streamHandler } from "../support/udf_driver.ts";

const MIB = 2 ** 20;
const state = new Uint8Array(65 * MIB).fill(7);

/** A handler with a large state. */
function large(restored: (bytes: number) => void) {
  return streamHandler(() => ({
    snapshot: () => state,
    restore: (snapshot) => void restored(snapshot.length),
  }));
}

Deno.test("snapshots larger than 64 MiB go both ways, which is said once", async () => {
  let restored = 0;
  const probe = new HostProbe(startInProcess("large", large((bytes) => restored = bytes)));
  await probe.host.init([]);
  for (let i = 0; i < 2; i++) {
    const snapshot = await probe.host.snapshot();
    assertEquals([snapshot.length, snapshot[0], snapshot.at(-1)], [state.length, 7, 7]);
  }
  await probe.host.restore(state);
  await probe.host.stop();
  assertEquals(restored, state.length);
  assertEquals(probe.log, [
    "the UDF's snapshot has 65 MiB: it is taken, though larger than the 64 MiB of other messages",
  ]);
});

Deno.test("snapshots larger than 64 MiB go both ways through a module's worker", async () => {
  const path = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(
      path,
      `export function createHandler() {
        let state = new Uint8Array(${state.length}).fill(7);
        return {
          info: () => ({ wants: "stream", provides: "stream" }),
          init() {},
          point() {},
          snapshot: () => state,
          restore(snapshot) { if (snapshot.length !== state.length) throw new Error("cut"); },
        };
      }`,
    );
    const probe = new HostProbe(await startModule(path, { log: console.error }));
    await probe.host.init([]);
    assertEquals((await probe.host.snapshot()).length, state.length);
    await probe.host.restore(state);
    await probe.host.stop();
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a limit that is given holds for snapshots too, and its flag is named", async () => {
  const { udf, probe } = scripted({ maxFrameBytes: 1000 });
  const asked = assertRejects(() => probe.host.snapshot(), TineError);
  await udf.nextOf("snapshot");
  const sent = udf.send({ kind: "snapshot", snapshot: new Uint8Array(2000) });
  const error = await asked;
  assertEquals(error.code, "frame-too-large");
  assertMatch(
    error.message,
    /^the UDF sent too large a message \(--max-frame allows more\): a frame claims 2006 bytes, the limit is 1000: /,
  );
  await sent;
  const left = udf.leave();
  await probe.failure();
  await left;
});

Deno.test("a UDF with too large a snapshot is not started again: the next one would be as large", async () => {
  let starts = 0;
  const reach = (): Promise<RunningUdf> => {
    starts++;
    return Promise.resolve(startInProcess("large", streamHandler(() => ({ snapshot: () => new Uint8Array(5000) }))));
  };
  const supervisor = new Supervisor(reach, { point() {}, batch() {} }, { maxFrameBytes: 1000 });
  supervisor.start();
  await supervisor.init([]);
  const error = await assertRejects(() => supervisor.snapshot(), TineError);
  assertEquals([error.code, starts], ["frame-too-large", 1]);
  assertStringIncludes(error.message, "--max-frame");
  await assertRejects(() => supervisor.stop(), TineError);
});

/** Reads a frame of which only the first bytes come. */
async function read(bytes: Uint8Array, maxSnapshotBytes: number): Promise<string> {
  const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const source = {
    read(buffer: Uint8Array) {
      const piece = pieces.shift();
      if (piece !== undefined) buffer.set(piece);
      return Promise.resolve(piece?.length ?? null);
    },
  };
  const frames = new FrameReader(source, defaultFrameLimit(maxSnapshotBytes));
  try {
    while (await frames.fill()) assertEquals(frames.next(), false);
  } catch (error) {
    return (error as TineError).code;
  }
  throw new Error("the stream ended well");
}

Deno.test("only a snapshot that is as long as its message may be larger than 64 MiB, and not without end", async () => {
  const snapshot = responseFrames({ kind: "snapshot", snapshot: state }).slice(0, 40);
  assertEquals(await read(snapshot, 100 * MIB), "cut-frame"); // it waits for the rest
  assertEquals(await read(snapshot, 64 * MIB), "frame-too-large");
  const point = snapshot.slice();
  point[4] = 17 << 3 | 2;
  assertEquals(await read(point, 100 * MIB), "frame-too-large");
  const shorter = snapshot.slice();
  shorter[5]--;
  assertEquals(await read(shorter, 100 * MIB), "frame-too-large");
  assertEquals(await read(snapshot.slice(0, 9), 100 * MIB), "cut-frame");
});

Deno.test("the largest snapshot is bounded by memory and by what a length can be", () => {
  const most = largestSnapshotBytes();
  assert(most >= 64 * MIB && most < 2 ** 31, `${most}`);
  const { available } = Deno.systemMemoryInfo();
  assert(most <= Math.max(64 * MIB, available), `${most} of ${available}`);
});

Deno.test("an answer of init may be no larger than other messages", async () => {
  const bytes = responseFrames({ kind: "init", outcome: { ...OK, error: "x".repeat(65 * MIB) } }).slice(0, 40);
  assertEquals(await read(bytes, 100 * MIB), "frame-too-large");
});
