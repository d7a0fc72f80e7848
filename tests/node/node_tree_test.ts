import { assertEquals } from "@std/assert";
import { childNodes } from "../../src/node/node_tree.ts";
import type { Node } from "../../src/node/plan/types.ts";

const node = (id: string): Node => ({ id, launcher: { local: {} } });

Deno.test("childNodes() finds the nodes wherever they are in a tree, in its order", () => {
  const trees = childNodes({
    serial: [
      { parallel: [{ child: { node: node("a") } }, { schedule: { run: [{ child: { node: node("b") } }] } }] },
      { child: { node: node("c"), sleep: 1 } },
    ],
  });
  assertEquals(trees.map(({ node }) => node.id), ["a", "b", "c"]);
});

Deno.test("childNodes() joins what equal nodes launch in different runs", () => {
  const trees = childNodes({
    serial: [
      { child: { node: node("mid"), serial: [{ child: { node: node("left") } }] } },
      { child: { node: { launcher: { local: {} }, id: "mid" }, child: { node: node("right") } } },
      { child: { node: node("mid"), child: { node: node("left"), sleep: 5 } } },
    ],
  });
  const leaf = (id: string) => ({ node: node(id), children: [] });
  assertEquals(trees, [{ node: node("mid"), children: [leaf("left"), leaf("right")] }]);
});

Deno.test("childNodes() leaves nodes behind a child to that child", () => {
  const trees = childNodes({ child: { node: node("a"), child: { node: node("b"), child: { node: node("c") } } } });
  assertEquals(trees.length, 1);
  assertEquals(trees[0].children[0].children[0].node.id, "c");
});
