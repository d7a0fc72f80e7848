import { assertEquals } from "@std/assert";
import { AttendedTime } from "../../../src/flow/packet/port_reader.ts";

Deno.test("AttendedTime.at() goes on with the clock, and stands where nobody attended", () => {
  const time = new AttendedTime();
  assertEquals([1e9, 1.5e9, 3.5e9].map((t) => time.at(t)), [1e9, 1.5e9, 3.5e9]);
  assertEquals([103.5e9, 104.5e9].map((t) => time.at(t)), [5.5e9, 6.5e9]);
});
