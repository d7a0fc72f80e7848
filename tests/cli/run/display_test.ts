import { assertInstanceOf } from "@std/assert";
import { createDisplay } from "../../../src/cli/run/display.ts";
import { JsonDisplay } from "../../../src/cli/run/json_display.ts";
import { LineDisplay } from "../../../src/cli/run/line_display.ts";

Deno.test("createDisplay() gives JSON lines where they are asked for", async () => {
  await using display = createDisplay({ json: true });
  assertInstanceOf(display, JsonDisplay);
});

Deno.test("createDisplay() gives a line for each event on a terminal that cannot do more", async () => {
  const before = Deno.env.get("TERM");
  try {
    Deno.env.set("TERM", "dumb");
    await using display = createDisplay();
    assertInstanceOf(display, LineDisplay);
  } finally {
    if (before === undefined) Deno.env.delete("TERM");
    else Deno.env.set("TERM", before);
  }
});
