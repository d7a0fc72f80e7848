import { assertEquals } from "@std/assert";
import { describeValue, whyNotRead } from "../../src/base/errors.ts";

Deno.test("whyNotRead() leaves out the number, the call and the path of the system's message", () => {
  const denied = new Deno.errors.PermissionDenied("Permission denied (os error 13): stat '/root/x'");
  assertEquals(whyNotRead(denied), "permission denied");
  assertEquals(whyNotRead(new Deno.errors.NotFound("No such file")), "there is no such file");
  assertEquals(whyNotRead(new Deno.errors.IsADirectory("Is a directory (os error 21)")), "it is a folder");
  const below = new Deno.errors.NotADirectory("Not a directory (os error 20): stat 'file/x'");
  assertEquals(whyNotRead(below), "what stands above it is no folder");
  assertEquals(whyNotRead(new Error("odd")), "odd");
});

Deno.test("describeValue() names any value in a few words", () => {
  const values = [5, 5n, "now", "x".repeat(50), null, undefined, [1], {}, new Date(0), Symbol("s"), () => {}, true];
  assertEquals(values.map(describeValue), [
    ...["the number 5", "the bigint 5", '"now"', `"${"x".repeat(40)}..."`, "null", "undefined"],
    ...["an array", "an object", "a Date", "a symbol", "a function", "the boolean true"],
  ]);
});
