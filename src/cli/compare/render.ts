import { tableLines } from "../../base/text.ts";
import { type Comparisons, remarksOn, type RowText, rowText } from "../../result/compare/mod.ts";
import { inMarkdown } from "../gate/render.ts";
import { escape, style } from "../terminal.ts";

/** Returns comparisons as tables for a terminal. */
export function compareText(comparisons: Comparisons): string {
  const { bold, dim, green, red } = style(Deno.stdout);
  const blocks = comparisons.comparisons.map(({ base, other, rows }) => {
    const width = Math.max("verdict".length, ...rows.map(({ verdict }) => verdict.length));
    const texts = rows.map(rowText).map((text) => ({ ...text, verdict: text.verdict.padEnd(width) }));
    const several = new Set(texts.map(({ repeats }) => repeats)).size > 1;
    const [n, m] = texts[0].repeats.split(", ");
    const sides = [["base", base, n], ["new", other, m]].map(([side, name, repeats]) =>
      `${side}: ${bold(escape(name))}${several ? "" : `, ${repeats} ${repeats === "1" ? "repeat" : "repeats"}`}`
    );
    const lines = tableLines([heads(several, width), ...texts.map((text) => cells(text, several))]);
    const parts = new Map<string, string[]>();
    for (const [i, { what }] of texts.entries()) {
      const line = painted(lines[i + 1], texts[i].verdict.trim(), { green, red });
      parts.set(what, [...parts.get(what) ?? [], line]);
    }
    const body = [...parts].flatMap(([what, lines]) => ["", bold(escape(what)), ...lines]);
    return [...sides, "", dim(lines[0]), ...body].join("\n");
  });
  return [...blocks.flatMap((block, i) => i === 0 ? [block] : ["", block]), "", ...remarksOn(comparisons)].join("\n")
    .trimEnd() + "\n";
}

function heads(several: boolean, width: number): string[] {
  return ["figure", "base", "new", "difference", ...several ? ["repeats"] : [], "p", "verdict".padEnd(width)];
}

function cells({ figure, base, other, difference, repeats, p, verdict }: RowText, several: boolean): string[] {
  return [`  ${figure}`, base, other, difference, ...several ? [repeats] : [], p, verdict];
}

function painted(line: string, verdict: string, { green, red }: Record<"green" | "red", (text: string) => string>) {
  return verdict === "better" ? green(line) : verdict === "worse" ? red(line) : line;
}

/** Returns comparisons as Markdown, for a pull request. */
export function compareMarkdown(comparisons: Comparisons): string {
  const blocks = comparisons.comparisons.map(({ base, other, rows }) => {
    const head = ["test, flow", "figure", "base", "new", "difference", "repeats", "p", "verdict"];
    const lines = rows.map(rowText).map(({ what, figure, base, other, difference, repeats, p, verdict }) => {
      const word = verdict === "better" || verdict === "worse" ? `**${verdict}**` : verdict;
      return [what, figure, base, other, difference, repeats, p, word === "~" ? "\\~" : word];
    });
    const row = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
    return [
      `**${inMarkdown(other)}** against ${inMarkdown(base)}`,
      "",
      row(head),
      row(["---", "---", "---:", "---:", "---:", "---:", "---:", "---"]),
      ...lines.map(([what, ...others]) => row([inMarkdown(what), ...others])),
    ].join("\n");
  });
  const notes = [
    ...remarksOn(comparisons).map(inMarkdown),
    ...comparisons.warnings.map((text) => `**Warning:** ${inMarkdown(text)}`),
  ];
  return [
    ...blocks.flatMap((block, i) => i === 0 ? [block] : ["", block]),
    ...notes.length === 0 ? [] : ["", ...notes.map((note) => `- ${note}`)],
  ]
    .join("\n") + "\n";
}

/** Returns comparisons as JSON, an object a line. */
export function compareJson({ comparisons, alpha, tested, repeatsNeeded, warnings }: Comparisons): string {
  const objects = [
    ...comparisons.flatMap(({ base: baseName, other: otherName, rows }) =>
      rows.map(({ test, flow, flows, figure, base, other, difference, p, adjustedP, verdict }) => ({
        type: "row",
        base: baseName,
        other: otherName,
        test,
        flow,
        flows,
        figure: figure.name,
        unit: figure.unit,
        ...figure.better === undefined ? {} : { better: figure.better },
        baseSample: base,
        otherSample: other,
        difference: { ...difference, ...base.median > 0 ? { ofBase: difference.shift / base.median } : {} },
        p,
        adjustedP,
        verdict,
      }))
    ),
    ...warnings.map((message) => ({ type: "warning", message })),
    { type: "summary", alpha, tested, repeatsNeeded, verdicts: countsOf(comparisons.flatMap(({ rows }) => rows)) },
  ];
  return objects.map((object) => JSON.stringify(object) + "\n").join("");
}

function countsOf(rows: readonly { readonly verdict: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { verdict } of rows) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
}
