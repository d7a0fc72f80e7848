import { assert, assertEquals } from "@std/assert";
import { renderMarkdown } from "../../../src/cli/help/markdown.ts";
import { topics } from "../../../src/cli/help/topics.ts";
import { visibleWidth } from "../../../src/base/text.ts";

const file = { isTerminal: () => false };

Deno.test("renderMarkdown() renders headings, text, lists, code and links plainly", () => {
  const page = `# Nodes

A node is a process of \`tine\`. **The root**
is \`-\`: see [plans](plans.md#runs), [a UDF](udf.md), [Deno](https://deno.com) and [deno.json](../deno.json).

<!-- generated: x -->

## Kinds

- one
  that goes on
- two
  - below

1. first \\*, \\[x\\], \`\\*\` and \`tine help\`

\`\`\`yaml
a:

  - **b**
\`\`\`

![A picture](x.svg)
`;
  assertEquals(
    renderMarkdown(page, file),
    `NODES

A node is a process of tine. The root is -: see \`tine help plans\`, a UDF (\`tine help udf\`), Deno
(https://deno.com) and deno.json.

Kinds

- one that goes on
- two
  - below

1. first *, [x], \\* and \`tine help\`

    a:

      - **b**
`,
  );
});

Deno.test("renderMarkdown() aligns tables and wraps wide cells", () => {
  const page = `| field | what it is |
| ----- | ---------- |
| \`a\` | ${"words of a long cell ".repeat(8)}|
| \`--format line\\|json\` |  |
`;
  assertEquals(
    renderMarkdown(page, file),
    `field               what it is
------------------  ${"-".repeat(80)}
a                   words of a long cell words of a long cell words of a long cell words of a long
                    cell words of a long cell words of a long cell words of a long cell words of a
                    long cell
--format line|json
`,
  );
});

Deno.test("renderMarkdown() paints each word on a terminal, and leaves no colour behind at the end of a line", () => {
  const page = `See \`tine run ${"word ".repeat(30).trim()}\`.\n`;
  const terminal = { isTerminal: () => true };
  const before = { NO_COLOR: Deno.env.get("NO_COLOR"), TERM: Deno.env.get("TERM") };
  try {
    Deno.env.delete("NO_COLOR");
    Deno.env.set("TERM", "xterm");
    const painted = renderMarkdown(page, terminal);
    assert(painted.startsWith("See \x1b[32mtine\x1b[39m \x1b[32mrun\x1b[39m "));
    // deno-lint-ignore no-control-regex
    for (const line of painted.split("\n")) assert(/(?:^|\x1b\[39m|\.)$/.test(line), line);
    Deno.env.set("NO_COLOR", "1");
    assert(!renderMarkdown(page, terminal).includes("\x1b"));
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

Deno.test("every page fits 100 columns, but for code", async () => {
  for (const [name, { load }] of topics) {
    const { default: page } = await load();
    assert(page.startsWith("# "), name);
    const text = renderMarkdown(page, file);
    for (const line of text.split("\n")) {
      assert(line.startsWith("    ") || visibleWidth(line) <= 100, `${name}: ${line}`);
    }
    // What the renderer does not know would stand there as it is.
    const prose = text.split("\n").filter((line) => !line.startsWith("    ")).join("\n");
    assert(!/\*\*\w|^\||\]\(|<!--|\\/m.test(prose), name);
  }
});
