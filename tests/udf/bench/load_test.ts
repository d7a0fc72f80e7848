import type { PointOrBatch } from "../../../src/udf/batcher.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { generateBatches, generatePoints } from "../../../src/udf/bench/generate.ts";
import { Load } from "../../../src/udf/bench/load.ts";
import { decodeRequest } from "../../../src/udf/codec.ts";
import type { Request } from "../../../src/udf/messages.ts";
import { Point } from "../../../src/udf/point.ts";
import { ByteReader } from "../../../src/wire/byte_reader.ts";
import { FrameReader } from "../../../src/wire/frame_reader.ts";

/** The requests in frames. */
async function requestsIn(frames: Uint8Array): Promise<Request[]> {
  let rest = frames.slice();
  const reader = new FrameReader({
    read(buffer) {
      const count = Math.min(buffer.length, rest.length);
      buffer.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return Promise.resolve(count === 0 ? null : count);
    },
  });
  const requests: Request[] = [];
  while (await reader.fill()) {
    while (reader.next()) {
      requests.push(decodeRequest(new ByteReader().reset(reader.bytes.slice(reader.start, reader.end))));
    }
  }
  return requests;
}

/** The times that units carry. */
async function timesIn(frames: Uint8Array): Promise<bigint[]> {
  return (await requestsIn(frames)).flatMap((request) =>
    request.kind === "point" ? [request.point.time] : request.kind === "end" ? [request.end.tmax] : []
  );
}

function pointsAt(...times: bigint[]): PointOrBatch[] {
  return times.map((time) => ({ kind: "point", point: new Point({ name: "m", time }) }));
}

Deno.test("Load.take() gives all points in order, then the same again with times that go on", async () => {
  const units = generatePoints({ groups: 3, points: 7, fields: ["value"] });
  const load = new Load(units);
  assertEquals([load.units, load.points, load.groups], [7, 7, 3]);
  const first = await requestsIn(load.take(100).frames);
  assertEquals(first.length, 7);
  for (const [i, request] of first.entries()) {
    if (request.kind !== "point" || units[i].kind !== "point") throw new Error(`${request.kind} is no point`);
    const expected = units[i].point.copy();
    assertEquals(request.point.copy(), expected);
  }
  const times = units.map((unit) => unit.kind === "point" ? unit.point.time : 0n);
  const span = times[6] - times[0] + 1_000_000_000n;
  for (const pass of [1n, 2n, 3n]) {
    assertEquals(await timesIn(load.take(100).frames), times.map((time) => time + pass * span));
  }
});

Deno.test("Load.take() gives at most what it is asked for, and one unit at least", async () => {
  const load = new Load(generatePoints({ groups: 1, points: 10 }));
  assertEquals((await requestsIn(load.take(4).frames)).length, 4);
  assertEquals(load.take(1000, load.bytes / 10 * 2.5).units, 2);
  assertEquals(load.take(5, 1).units, 1);
  assertEquals(load.take(1000).units, 3, "a pass ends a piece");
});

Deno.test("Load.take() counts the points of batches, and their ends go on in time as well", async () => {
  const load = new Load(generateBatches({ groups: 2, points: 4 }, 5));
  assertEquals([load.units, load.points, load.groups], [4, 20, 2]);
  const { frames, units, points } = load.take(3);
  assertEquals([units, points], [3, 15]);
  const requests = await requestsIn(frames);
  assertEquals(requests.slice(0, 7).map(({ kind }) => kind), ["begin", ...Array(5).fill("point"), "end"]);
  const before = await timesIn(load.take(3).frames);
  load.take(3);
  const after = await timesIn(load.take(3).frames);
  assertEquals(after.map((time, i) => time - before[i]), Array(6).fill(after[0] - before[0]));
  assertEquals(after[5] > before[5], true);
});

Deno.test("Load keeps what lies between times that are small, negative or near the last one there is", async () => {
  for (
    const times of [[-5n, 0n, 7n], [1n, 1n], [1_700_000_000n, 1_700_000_060n], [2n ** 63n - 3n, 2n ** 63n - 1n]]
  ) {
    const load = new Load(pointsAt(...times));
    for (let pass = 0; pass < 3; pass++) {
      const sent = await timesIn(load.take(10).frames);
      assertEquals(sent.map((time) => time - sent[0]), times.map((time) => time - times[0]), `pass ${pass}`);
    }
  }
});

Deno.test("a Load without units is refused", () => {
  assertThrows(() => new Load([]), RangeError, "at least one");
});
