/**
 * Writes the parts of the manual that are made from the sources: tables between the comments `<!-- generated: NAME -->`
 * and `<!-- end -->`.
 *
 *     deno run --allow-read --allow-write --allow-run scripts/generate_manual.ts [--check]
 *
 * With `--check`, it writes no file and ends with 1 where a part differs from the sources.
 *
 * @module
 */
import { topics } from "../src/cli/help/topics.ts";

const root = new URL("..", import.meta.url);

/** The folder of the manual's pages, from the root of the checkout. */
export const TOPICS = "src/cli/help/topics/";

/** The parts by name. Each returns Markdown, before it is formatted. */
const parts: ReadonlyMap<string, () => string> = new Map([
  ["topics", topicTable],
]);

/** Returns the pages of the manual with links that lead there from the root of the checkout. */
function topicTable(): string {
  return table(
    ["page", "about"],
    Array.from(topics, ([name, { summary }]) => [`[${name}](${TOPICS}${name}.md)`, summary]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`).join("");
}

const PART = /^(<!-- generated: ([\w-]+) -->\n)[^]*?^(<!-- end -->)$/gm;

/**
 * Returns a page with its generated parts as the sources are now, formatted.
 *
 * @throws {Error} for a part that is not known
 */
export async function generated(page: string): Promise<string> {
  const text = page.replace(PART, (_, begin: string, name: string, end: string) => {
    const part = parts.get(name);
    if (part === undefined) throw new Error(`expected one of ${[...parts.keys()].join(", ")}, not ${name}`);
    return `${begin}\n${part()}\n${end}`;
  });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "--config", new URL("deno.json", root).pathname, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const [{ success, stdout }] = await Promise.all([child.output(), write(child.stdin, text)]);
  if (!success) throw new Error("deno fmt failed");
  return new TextDecoder().decode(stdout);
}

async function write(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  await new Blob([text]).stream().pipeTo(stream);
}

/** Paths of all pages of the manual, from the root of the checkout: the README, and a page for each topic. */
export const pages: readonly string[] = ["README.md", ...topics.keys().map((name) => `${TOPICS}${name}.md`)];

if (import.meta.main) {
  const check = Deno.args.includes("--check");
  const stale: string[] = [];
  for (const page of pages) {
    const path = new URL(page, root);
    const text = await Deno.readTextFile(path);
    if (!text.includes("<!-- generated:")) continue;
    const current = await generated(text);
    if (current === text) continue;
    stale.push(page);
    if (!check) await Deno.writeTextFile(path, current);
  }
  if (check && stale.length > 0) {
    console.error(`${stale.join(", ")}: differs from the sources; run: deno task manual`);
    Deno.exit(1);
  }
}
