/**
 * Writes the parts of the manual that are made from the sources: what stands between the comments
 * `<!-- generated: NAME WORDS -->` and `<!-- end -->`.
 *
 *     deno run --allow-read --allow-write --allow-run scripts/generate_manual.ts [--check]
 *
 * With `--check`, it writes no file and ends with 1 where a part differs from the sources.
 *
 * @module
 */
import { topics } from "../src/cli/help/topics.ts";
import {
  figureColumns,
  type FigureDefinition,
  LIVE_FIGURE_LISTS,
  PACKET_FIGURE_LISTS,
  STREAM_FIGURE_LISTS,
  TRANSACTION_FIGURE_LISTS,
} from "../src/flow/analysis/mod.ts";
import { SPREAD_PARTS } from "../src/flow/analysis/figure.ts";
import { TABLES } from "../src/result/tables/mod.ts";
import type { TableSource } from "../src/result/tables/source.ts";
import { type Format, FORMATS } from "../src/udf/format/formats.ts";
import { type PlanObject, planObjects, VALUE_FORMS } from "../src/node/plan/json_schema.ts";

const root = new URL("..", import.meta.url);

/** The folder of the manual's pages, from the root of the checkout. */
export const TOPICS = "src/cli/help/topics/";

/** The parts by the first word of their name; each takes the other words and returns Markdown. */
const parts: ReadonlyMap<string, (...words: string[]) => string> = new Map([
  ["topics", topicTable],
  ["fields", fieldTables],
  ["values", valueForms],
  ["figures", figureTables],
  ["tables", tableColumns],
  ["formats", formatExamples],
]);

/**
 * Returns the fields of objects in plans, a table for each object and for each one within it.
 *
 * @param names such as `test` and `streamClient`
 */
function fieldTables(...names: string[]): string {
  const objects = planObjects();
  return names.map((name) => {
    const found = objects.filter(({ places }) => places.some((place) => place.split(".")[0] === name));
    if (found.length === 0) throw new Error(`plans have no ${name}`);
    return found.map(objectSection).join("\n");
  }).join("\n");
}

function objectSection({ places, description, type, fields }: PlanObject): string {
  const heading = `### ${places.map(code).join(" and ")}\n\n`;
  const text = description === "" ? "" : `${plain(description)}\n\n`;
  if (fields.length === 0) return `${heading}${text}It is a ${type}.\n`;
  const head = ["field", "value", "default", "what it is"];
  const rows = fields.map(({ name, type, min, max, required, default: byDefault, description }) => [
    code(name),
    min === undefined || max === undefined ? type : `${type}, ${min} to ${max}`,
    required ? "(required)" : byDefault === undefined ? "" : code(byDefault),
    plain(description),
  ]);
  // A run has one of its fields: no field has a default.
  const columns = head.map((_, i) => i).filter((i) => i !== 2 || rows.some((row) => row[i] !== ""));
  const chosen = (row: readonly string[]) => columns.map((i) => row[i]);
  return heading + text + table(chosen(head), rows.map(chosen));
}

/** Returns the formats of points, with an example of each. */
function formatExamples(): string {
  const formats: [string, Format][] = Object.entries(FORMATS);
  const rows = formats.map((
    [name, { what, endings }],
  ) => [code(name), what, endings.map((e) => code("." + e)).join(", ")]);
  const examples = formats.filter(([, { example }]) => example !== undefined).map(([name, { example }]) =>
    `${code(name)}:\n\n\`\`\`text\n${example}\n\`\`\`\n`
  );
  return `${table(["--input-format", "what it is", "usual in"], rows)}\n${examples.join("\n")}`;
}

/** Returns how values with units are written. */
function valueForms(): string {
  return table(["value", "how it is written"], Object.entries(VALUE_FORMS));
}

/** Returns the figures of all flows with their definitions, a table for each kind of measurement. */
function figureTables(): string {
  return [...STREAM_FIGURE_LISTS, ...PACKET_FIGURE_LISTS, ...TRANSACTION_FIGURE_LISTS, ...LIVE_FIGURE_LISTS].map(
    ({ title, within, figures }) => {
      const rows = Object.entries(figures).map((
        [name, figure],
      ) => [figure.title, keyOf(name, figure), figure.better ?? "", plain(figure.definition)]);
      const where = within === undefined ? "" : `In JSON they are members of ${within.map(code).join(" and ")}.\n\n`;
      const heading = title[0].toUpperCase() + title.slice(1);
      return `### ${heading}\n\n${where}${table(["figure", "key in JSON", "better", "what it is"], rows)}`;
    },
  ).join("\n");
}

/** Columns of one direction; those of the other have the same definition. */
const OTHER_DIRECTION = "from_server_";

/** Returns the tables of results with their columns. */
function tableColumns(): string {
  // What a table has is known without opening a test.
  const source = { idKeys: [] } as unknown as TableSource;
  return Array.from(TABLES, ([name, makeTable]) => {
    const { row, columns } = makeTable(source);
    const shown = columns.filter(({ name, definition }) =>
      name !== "run" && !(name.startsWith(OTHER_DIRECTION) &&
        columns.some((one) => one.name === name.replace("from", "to") && one.definition === definition))
    );
    // The values of a distribution share its definition.
    const groups = shown.reduce<(typeof shown)[]>((groups, column) => {
      const last = groups.at(-1);
      if (last?.[0].definition === column.definition) last.push(column);
      else groups.push([column]);
      return groups;
    }, []);
    const rows = groups.map((group) => {
      const [{ tag, type, definition }] = group;
      return [columnNames(group.map(({ name }) => name)), tag ? "tag" : type, plain(definition)];
    });
    return `## ${name}\n\nA row is ${plain(row)}.\n\n${table(["column", "type", "what it is"], rows)}`;
  }).join("\n");
}

/** The names of columns with one definition; in those of a distribution, `*` stands for the names of its values. */
function columnNames(names: readonly string[]): string {
  const words = names.map((name) => name.split("_"));
  const [first] = words;
  const place = first.findIndex((word, i) => words.some((other) => other[i] !== word));
  const patterns = new Set(words.map((words) => words.with(Math.max(place, 0), "*").join("_")));
  if (place < 0 || patterns.size > 1) return names.map(code).join(" ");
  const parts = words.map((words) => words[place]).join(", ");
  const [pattern] = patterns;
  return parts === SPREAD_PARTS.join(", ") ? code(pattern) : `${code(pattern)} (${parts})`;
}

/** The key of a figure in JSON; in that of a distribution, `*` stands for the names of its values. */
function keyOf(name: string, figure: FigureDefinition): string {
  if (figure.parts === undefined) return code(name);
  const [{ key }] = figureColumns({ [name]: { ...figure, value: () => undefined } });
  const [first] = figure.parts;
  const pattern = code(key.replace(first[0].toUpperCase() + first.slice(1), "*"));
  return figure.parts.length === SPREAD_PARTS.length ? pattern : `${pattern} (${figure.parts.join(", ")})`;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Returns the parts of the manual, with links that lead to their pages from the root of the checkout. */
function topicTable(): string {
  const links = ([name]: [string, unknown]) => `[${name}](${TOPICS}${name}.md)`;
  return table(
    ["part", "pages"],
    Array.from(Map.groupBy(topics, ([, { part }]) => part), ([part, pages]) => [part, pages.map(links).join(", ")]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`).join("");
}

/** Keeps characters of plain text from meaning something in Markdown. */
function plain(text: string): string {
  return text.replace(/[*<`[\]]/g, "\\$&");
}

const PART = /^(<!-- generated: ([^>]+) -->\n)[^]*?^(<!-- end -->)$/gm;

/**
 * Returns a page with its generated parts as the sources are now, formatted.
 *
 * @throws {Error} for a part that is not known
 */
export async function generated(page: string): Promise<string> {
  const text = page.replace(PART, (_, begin: string, name: string, end: string) => {
    const [kind, ...words] = name.split(" ");
    const part = parts.get(kind);
    if (part === undefined) throw new Error(`expected one of ${[...parts.keys()].join(", ")}, not ${kind}`);
    return `${begin}\n${part(...words)}\n${end}`;
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
