import { assertEquals } from "@std/assert";
import { assignGroup, groupId, groupOfBatch, groupOfPoint, groupTags, sortDimensions } from "../../src/udf/group.ts";
import { Point } from "../../src/udf/point.ts";

const tags = new Map([["host", "a"], ["cpu", "0"]]);

Deno.test("a group without dimensions is the name if by name, else empty", () => {
  assertEquals(groupId({ name: "m", byName: true, dimensions: [], tags }), "m");
  assertEquals(groupId({ name: "m", byName: false, dimensions: [], tags }), "");
});

Deno.test("a group's id keeps the order of its dimensions, escapes nothing and has absent tags empty", () => {
  const odd = new Map([["a", "x=,\n"], ["b", "y"]]);
  assertEquals(groupId({ name: "m", byName: false, dimensions: ["b", "a", "c"], tags: odd }), "b=y,a=x=,\n,c=");
  assertEquals(groupId({ name: "m", byName: true, dimensions: ["b"], tags: odd }), "m\nb=y");
});

Deno.test("dimensions are sorted by their UTF-8 bytes, each once", () => {
  assertEquals(sortDimensions(["b", "a", "b", ""]), ["", "a", "b"]);
  // As UTF-16 the surrogates of the emoji would come before U+FFFD.
  assertEquals(sortDimensions(["😀", "\uffee", "z", "é", "ab", "a"]), ["a", "ab", "z", "é", "\uffee", "😀"]);
  const encoder = new TextEncoder();
  const names = ["\ud800x", "\ufffda", "\ue000", "😀a", "😁", "\u07ff", "\u0800"];
  const bytes = (text: string) => [...encoder.encode(text)].map((byte) => String.fromCharCode(byte)).join("");
  assertEquals(sortDimensions(names).map(bytes), names.map(bytes).sort());
});

Deno.test("assignGroup() sets only the tags of the group, sorted, and never by name", () => {
  const point = new Point({ name: "m", tags, byName: true, group: "old", dimensions: ["old"] });
  assignGroup(point, ["host", "cpu", "none"]);
  assertEquals(point.dimensions, ["cpu", "host", "none"]);
  assertEquals([point.group, point.byName], ["cpu=0,host=a,none=", false]);
  assertEquals(groupTags(point), new Map([["cpu", "0"], ["host", "a"], ["none", ""]]));
});

Deno.test("assignGroup() takes * for all tags of the point", () => {
  const point = new Point({ name: "m", tags });
  assignGroup(point, ["*"]);
  assertEquals(point.group, "cpu=0,host=a");
  assignGroup(point, []);
  assertEquals([point.group, point.dimensions], ["", []]);
});

Deno.test("the group of what comes back is computed, whatever it says itself", () => {
  assertEquals(groupOfPoint(new Point({ name: "m", group: "wrong", tags, dimensions: ["host"] })), "host=a");
  assertEquals(groupOfBatch({ byName: true }, { name: "m", tags }), "m\ncpu=0,host=a");
  assertEquals(groupOfBatch({ byName: true }, { name: "m", tags: new Map() }), "m");
});
