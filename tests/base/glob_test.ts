import { assert, assertEquals } from "@std/assert";
import { glob, isGlob } from "../../src/base/glob.ts";
import { Random } from "../support/random.ts";

Deno.test("glob() matches whole names", () => {
  const cases: [string, string[], string[]][] = [
    ["a.txt", ["a.txt"], ["a_txt", "a.txt2", "xa.txt", ""]],
    ["*.txt", ["a.txt", ".txt", "€.txt"], ["a/b.txt", "a.tx"]],
    ["a?c", ["abc", "a😀c"], ["ac", "a/c", "abbc"]],
    ["a/*/c", ["a/b/c", "a//c"], ["a/c", "a/b/b/c"]],
    ["**", ["", "a", "a/b/c"], []],
    ["**/c", ["c", "a/c", "a/b/c"], ["ac", "a/bc"]],
    ["a/**/c", ["a/c", "a/b/c", "a/b/b/c"], ["ac", "a/bc"]],
    ["a/**", ["a/", "a/b", "a/b/c"], ["a", "b"]],
    ["a**c", ["ac", "abc", "a/b/c"], ["a/b"]],
    ["[a-c]x", ["ax", "cx"], ["dx", "x", "-x"]],
    ["[!a-c]x", ["dx", "-x"], ["ax", "/x", "x"]],
    ["[^a]", ["b"], ["a", "/"]],
    ["[]a]", ["]", "a"], ["b"]],
    ["[!]a]", ["b"], ["]", "a"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["[a", ["[a"], ["a"]],
    ["\\*\\\\", ["*\\"], ["x\\"]],
    ["a\\", ["a\\"], ["a"]],
    [".*", [".a"], ["xa"]],
    ["", [""], ["a"]],
  ];
  for (const [pattern, yes, no] of cases) {
    const matches = glob(pattern);
    for (const name of yes) assert(matches(name), `${pattern} ${name}`);
    for (const name of no) assert(!matches(name), `${pattern} ${name}`);
  }
});

Deno.test("glob() takes another separator", () => {
  const matches = glob("net.*.tcp_*", { separator: "." });
  assert(matches("net.ipv4.tcp_rmem"));
  assert(!matches("net.ipv4.conf.tcp_x"));
  assert(glob("net.**", { separator: "." })("net.core.rmem_max"));
});

Deno.test("glob() agrees with a regular expression", () => {
  const random = new Random(5);
  const draw = (letters: string, length: number) =>
    Array.from({ length: random.below(length) }, () => letters[random.below(letters.length)]).join("");
  for (let i = 0; i < 20_000; i++) {
    const pattern = draw("ab/?**", 8);
    const name = draw("ab/", 8);
    const expression = pattern.replace(
      /(^|\/)\*\*+\/|\*\*+|\*|\?/g,
      (found, before) =>
        found === "*" ? "[^/]*" : found === "?" ? "[^/]" : before !== undefined ? `${before}(?:.*/)?` : ".*",
    );
    assertEquals(glob(pattern)(name), new RegExp(`^${expression}$`).test(name), `${pattern} ${name}`);
  }
});

Deno.test("glob() takes no time for patterns that make others try for ever", () => {
  assert(!glob("*a".repeat(50) + "b")("a".repeat(255)));
});

Deno.test("isGlob() tells patterns from names", () => {
  assertEquals(["a*", "a?", "[a]", "\\a"].map(isGlob), [true, true, true, true]);
  assertEquals(["", "a/b.txt", "a]"].map(isGlob), [false, false, false]);
});
