import { columns, type Style, style, type TerminalStream } from "../terminal.ts";
import { visibleWidth, wrap } from "../../base/text.ts";

/** Blank columns between the columns of a table. */
const GAP = 2;

/**
 * Renders a page of the manual for a terminal: headings, paragraphs, lists and tables are wrapped to the width of the
 * stream, tables are aligned, code is indented as it stands. Links to other pages are the command that shows them.
 * Code within text is green on a terminal; without colours, only code of several words keeps its marks.
 *
 * Knows what the pages use: `#` headings, paragraphs, `-` and `1.` lists, fenced code, pipe tables, comments, and
 * within text bold, code and links.
 *
 * @param page the text in Markdown
 * @param stream where it will be printed; decides on width and colour
 *
 * @example
 * ```ts
 * import { renderMarkdown } from "./markdown.ts";
 * const text = renderMarkdown("See [nodes](nodes.md), or [more](ssh.md).\n", { isTerminal: () => false });
 * console.assert(text === "See `tine help nodes`, or more (`tine help ssh`).\n");
 * ```
 */
export function renderMarkdown(page: string, stream: TerminalStream): string {
  const width = columns(stream);
  const decorations = style(stream);
  return blocks(page).map((block) => renderBlock(block, width, decorations)).join("\n\n") + "\n";
}

/** The lines of a paragraph, a list, a table, a heading, or of code with its fences. */
type Block = readonly string[];

/** Splits a page where lines are empty, except within code; leaves out comments and pictures. */
function blocks(page: string): Block[] {
  const found: string[][] = [[]];
  let fenced = false;
  for (const line of page.replace(/<!--[^]*?-->\n?/g, "").split("\n")) {
    const fence = line.startsWith("```");
    if (!fenced && (line === "" || fence || line.startsWith("!["))) found.push([]);
    if (line !== "" && !line.startsWith("![") || fenced) found.at(-1)?.push(line);
    if (fenced && fence) found.push([]);
    if (fence) fenced = !fenced;
  }
  return found.filter((block) => block.length > 0);
}

function renderBlock(block: Block, width: number, decorations: Style): string {
  const [first] = block;
  if (first.startsWith("```")) return block.slice(1, -1).map((line) => `    ${line}`.trimEnd()).join("\n");
  if (first.startsWith("|")) return tableLines(block.map(cellsOf), width, decorations).join("\n");
  const [, marks, title] = /^(#+) (.*)$/.exec(first) ?? [];
  if (marks !== undefined) return decorations.bold(inline(marks === "#" ? title.toUpperCase() : title, decorations));
  return items(block).map(({ indent, mark, text }) => {
    const left = " ".repeat(indent);
    const lines = wrap(inline(text, decorations), width - indent - mark.length);
    return lines.map((line, i) => left + (i === 0 ? mark : " ".repeat(mark.length)) + line).join("\n");
  }).join("\n");
}

/** The items of a list, or a paragraph as a single item without a mark. */
function items(block: Block): { indent: number; mark: string; text: string }[] {
  const found: { indent: number; mark: string; text: string }[] = [];
  for (const line of block) {
    const [, indent, mark, text] = /^( *)(- |\d+\. )(.*)$/.exec(line) ?? [];
    const last = found.at(-1);
    if (mark !== undefined) found.push({ indent: indent.length, mark, text });
    else if (last !== undefined) last.text += ` ${line.trim()}`;
    else found.push({ indent: 0, mark: "", text: line.trim() });
  }
  return found;
}

/** Code, bold text, links, and a character that means nothing behind a backslash. */
const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|\[([^\]]+)\]\(([^)]+)\)|\\([!-\/:-@[-`{-~])/g;

/** Renders what stands within text. Each word is decorated by itself, so that lines may be broken between them. */
function inline(text: string, decorations: Style): string {
  return text.replace(INLINE, (_, _ticks, code?: string, strong?: string, label?: string, target = "", plain = "") => {
    if (code !== undefined) return renderCode(code.trim(), decorations);
    if (strong !== undefined) return eachWord(inline(strong, decorations), decorations.bold);
    return label === undefined ? plain : renderLink(label, target, decorations);
  });
}

/** Renders code within text. Without colours, only marks show where several words of it begin and end. */
function renderCode(code: string, decorations: Style): string {
  const marked = code.includes(" ") && decorations.green("x") === "x";
  return marked ? `\`${code}\`` : eachWord(code, decorations.green);
}

function eachWord(text: string, decorate: (word: string) => string): string {
  return text.split(" ").map(decorate).join(" ");
}

/**
 * Renders what a reader of a terminal needs to follow a link: a command, in place of a label that is the name of the
 * page, or the address. A link to a place on the page is its label alone.
 */
function renderLink(label: string, target: string, decorations: Style): string {
  const text = inline(label, decorations);
  const [, topic] = /^(?:.*\/topics\/)?([\w-]+)\.md(?:#.*)?$/.exec(target) ?? [];
  if (topic !== undefined) {
    const command = renderCode(`tine help ${topic}`, decorations);
    return label === topic ? command : `${text} (${command})`;
  }
  return /^https?:/.test(target) && label !== target ? `${text} (${target})` : text;
}

/** The cells of a row; `\|` is a bar within one. */
function cellsOf(line: string): string[] {
  return line.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** Aligns the columns of a table, the second row of which is the rule below its head. */
function tableLines(rows: readonly string[][], width: number, decorations: Style): string[] {
  const [head, , ...body] = rows;
  const cells = [
    head.map((cell) => eachWord(inline(cell, decorations), decorations.bold)),
    ...body.map((row) => row.map((cell) => renderCell(cell, decorations))),
  ];
  const widest = (texts: (cell: string) => string[]) =>
    head.map((_, column) => Math.max(...cells.flatMap((row) => texts(row[column] ?? "")).map(visibleWidth)));
  const widths = fit(widest((cell) => [cell]), widest((cell) => cell.split(" ")), width - GAP * (head.length - 1));
  const [top, ...others] = cells.map((row) => rowLines(row, widths));
  return [...top, widths.map((width) => "-".repeat(width)).join(" ".repeat(GAP)), ...others.flat()];
}

/** Renders a cell; one that is code alone needs no marks. */
function renderCell(cell: string, decorations: Style): string {
  const [, code] = /^`([^`]+)`$/.exec(cell) ?? [];
  return code === undefined ? inline(cell, decorations) : eachWord(code, decorations.green);
}

function rowLines(row: readonly string[], widths: readonly number[]): string[] {
  const wrapped = widths.map((width, column) => wrap(row[column] ?? "", width));
  const height = Math.max(...wrapped.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) =>
    widths.map((width, column) => {
      const text = wrapped[column][line] ?? "";
      return text + " ".repeat(Math.max(0, width - visibleWidth(text)));
    }).join(" ".repeat(GAP)).trimEnd());
}

/**
 * Returns widths of columns that together take `most`, unless their longest words need more.
 *
 * Beyond its longest word, a column gets room by the square root of what it lacks: a column of sentences gets the most
 * of it, but does not squeeze those of a few words.
 *
 * @param natural widths at which no cell is wrapped
 * @param least widths of the longest words
 */
function fit(natural: readonly number[], least: readonly number[], most: number): number[] {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  if (sum(natural) <= most) return [...natural];
  const room = Math.max(0, most - sum(least));
  const weights = natural.map((width, column) => Math.sqrt(width - least[column]));
  const widths = weights.map((weight, column) =>
    Math.min(natural[column], least[column] + Math.floor(room * weight / (sum(weights) || 1)))
  );
  widths[natural.indexOf(Math.max(...natural))] += Math.max(0, most - sum(widths));
  return widths;
}
