import { assertEquals } from "@std/assert";
import { IoMeter } from "../../../src/flow/stream/io_meter.ts";
import { FakeHost } from "./fake_host.ts";

Deno.test("IoMeter.end() samples the last byte at its time, however long nothing has come since", () => {
  const host = new FakeHost();
  const meter = new IoMeter(host.samples("streamIO", "a"), false, 100e6, 1);
  meter.add(10, 200e6);
  meter.add(5, 210e6);
  meter.end();
  meter.end();
  host.pass(0);
  const expected = [[1, 0], [200e6, 10], [210e6, 15]];
  assertEquals(host.io("a").map(({ t, total }) => [t, total]), expected);
  assertEquals(meter.movedAt, 210e6);
});
