import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  checkNodeId,
  fileNameParts,
  logFileName,
  nodeOfLog,
  runFolderName,
  testFolderName,
} from "../../src/result/names.ts";
import { TineError } from "../../src/base/errors.ts";

Deno.test("fileNameParts() accepts relative paths", () => {
  for (const name of ["a", "a.txt", "dir/a.txt", "..a", "a..", ".hidden", "-rf", "ä/漢字 x", "test.json", "a/b/c/d"]) {
    assertEquals(fileNameParts(name, "left"), name.split("/"));
  }
});

Deno.test("fileNameParts() refuses what could be another place", () => {
  const names: [string, string][] = [
    ["", "is empty"],
    ["/etc/passwd", "relative"],
    ["..", ".. is not allowed"],
    ["a/../../b", ".. is not allowed"],
    ["./a", ". is not allowed"],
    ["a//b", "a part is empty"],
    ["a/", "a part is empty"],
    ["a\\b", "backslash"],
    ["a\0b", "control character"],
    ["a\nb", "control character"],
    ["a\u2028b", "control character"],
    ["\ud800", "control character"],
    ["a".repeat(256), "a part is longer than 255 bytes"],
    ["ä".repeat(128), "a part is longer than 255 bytes"],
    [`${"a".repeat(200)}/`.repeat(6) + "a", "longer than 1024 bytes"],
    ["a/".repeat(16) + "a", "more than 16 parts"],
  ];
  for (const [name, message] of names) {
    const error = assertThrows(() => fileNameParts(name, "left"), TineError, message);
    assertEquals([error.code, error.message.startsWith("node left named a file ")], ["bad-file-name", true]);
  }
});

Deno.test("checkNodeId() refuses what could be another file", () => {
  for (const id of ["-", "a", "left", "a.b_c-d", "a".repeat(63)]) checkNodeId(id);
  for (const id of ["", "..", "a/b", ".a", "_root", "-a", "a".repeat(64), "a\n", "ä"]) {
    assertEquals(assertThrows(() => checkNodeId(id), TineError).code, "bad-node-id");
  }
});

Deno.test("nodeOfLog() is the inverse of logFileName()", () => {
  for (const id of ["-", "left", "root", "a.jsonl"]) assertEquals(nodeOfLog(logFileName(id)), id);
  for (const name of ["", ".jsonl", "a", "_x.jsonl", "a.jsonl.new"]) assertEquals(nodeOfLog(name), undefined);
});

Deno.test("testFolderName() tells ids apart, and is safe", () => {
  assertEquals(testFolderName({ name: "fct", cca: "bbr" }), "cca=bbr,name=fct");
  assertEquals(testFolderName({ a: "1/../2 ä" }), "a=1%2F..%2F2%20%C3%A4");
  assertNotEquals(testFolderName({ a: "b,c=d" }), testFolderName({ a: "b", c: "d" }));
  assertEquals(testFolderName({ a: "x".repeat(500) }).length, 200);
});

Deno.test("runFolderName() is a time without what file systems dislike", () => {
  assertEquals(runFolderName(new Date("2026-11-21T02:55:00.999Z")), "2026-11-21T02-55-00Z");
});
