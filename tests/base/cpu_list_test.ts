import { assertEquals, assertThrows } from "@std/assert";
import { formatCpuList, parseCpuList } from "../../src/base/cpu_list.ts";
import { TineError } from "../../src/base/errors.ts";

Deno.test("parseCpuList() reads numbers and ranges, each processor once", () => {
  assertEquals(parseCpuList(3), [3]);
  assertEquals(parseCpuList("0-1,3"), [0, 1, 3]);
  assertEquals(parseCpuList("5,2-3,2"), [2, 3, 5]);
});

Deno.test("parseCpuList() refuses what is no list, naming it", () => {
  for (const text of ["", "-1", "1-", "3-1", "a", "1,,2", "9999", "1.5", "0-9999"]) {
    const { code, message } = assertThrows(() => parseCpuList(text), TineError);
    assertEquals([code, message.startsWith(`"${text}" is not the number of a CPU or a list`)], [
      "invalid-cpu-list",
      true,
    ]);
  }
});

Deno.test("formatCpuList() writes ranges where numbers follow one another", () => {
  for (const text of ["", "7", "0-1", "0-1,3", "2,4-6"]) {
    assertEquals(formatCpuList(text === "" ? [] : parseCpuList(text)), text);
  }
});
