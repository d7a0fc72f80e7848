import { assertEquals } from "@std/assert";
import { drawTerminal } from "../../scripts/draw_terminal.ts";

Deno.test("drawTerminal() puts pieces where they stand, in their colours, with marks of SVG escaped", () => {
  const picture = drawTerminal("\x1b[32mok\x1b[39m    a<b\n\x1b[2mdim\nstill\x1b[0m\n\n", "tine run");
  assertEquals([...picture.matchAll(/<text y="(\d+)">(.*)<\/text>/g)].slice(1).map(([, y, spans]) => [y, spans]), [
    [
      "49",
      '<tspan x="16.0" textLength="16.8" fill="#7fc96b">ok</tspan>' +
      '<tspan x="66.4" textLength="25.2" fill="#d7dae0">a&lt;b</tspan>',
    ],
    ["68", '<tspan x="16.0" textLength="25.2" fill="#d7dae0" opacity="0.6">dim</tspan>'],
    ["87", '<tspan x="16.0" textLength="42.0" fill="#d7dae0" opacity="0.6">still</tspan>'],
  ]);
});
