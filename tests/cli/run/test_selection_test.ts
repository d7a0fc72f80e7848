import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../src/cli/errors.ts";
import { selectTests } from "../../../src/cli/run/test_selection.ts";

const TESTS: { id: Record<string, string> }[] = [
  { id: { name: "fct", cca: "cubic" } },
  { id: { name: "fct", cca: "bbr" } },
  { id: { name: "bulk", cca: "bbr" } },
  { id: { name: "hello" } },
];

function select(...given: string[]): number[] {
  return selectTests(TESTS, given).map((test) => TESTS.indexOf(test));
}

function message(...given: string[]): string {
  return assertThrows(() => select(...given), UsageError).message;
}

Deno.test("selectTests() selects all where nothing is given", () => {
  assertEquals(select(), [0, 1, 2, 3]);
  assertEquals(selectTests([], []), []);
});

Deno.test("selectTests() matches anywhere in a value, and at its ends by anchors", () => {
  assertEquals(select("cca=b"), [0, 1, 2]);
  assertEquals(select("cca=^b"), [1, 2]);
  assertEquals(select("name=^(fct|hello)$"), [0, 1, 3]);
});

Deno.test("selectTests() takes any of the same name, and all of different names", () => {
  assertEquals(select("name=bulk", "name=hello"), [2, 3]);
  assertEquals(select("name=fct", "cca=bbr"), [1]);
});

Deno.test("selectTests() refuses what is no NAME=REGEXP", () => {
  assertEquals(message("hello"), '--test expects NAME=REGEXP such as name=hello, not "hello"');
  assertEquals(message("=x"), '--test expects NAME=REGEXP such as name=hello, not "=x"');
  assertEquals(message("name=("), '--test name=(: "(" is no regular expression: unterminated group');
});

Deno.test("selectTests() refuses a name that no test has", () => {
  assertEquals(message("nmae=x"), "--test nmae=...: no test has an id with the name nmae, did you mean name?");
  assertEquals(
    message("qdisc=x"),
    "--test qdisc=...: no test has an id with the name qdisc, names in their ids are name, cca",
  );
  assertThrows(() => selectTests([], ["name=x"]), UsageError, "the plan has no tests");
});

Deno.test("selectTests() reports the ids where none is selected", () => {
  assertEquals(
    message("name=x", "cca=bbr"),
    'no test is selected by --test name=x --test cca=bbr, ids are "cca=cubic, name=fct"; "cca=bbr, name=fct"; ' +
      '"cca=bbr, name=bulk"; "name=hello"',
  );
  const many = Array.from({ length: 12 }, (_, i) => ({ id: { n: String(i) } }));
  assertThrows(() => selectTests(many, ["n=x"]), UsageError, '"n=9"; and 2 more');
});
