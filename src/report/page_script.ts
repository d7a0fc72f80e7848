import { stripTypeScriptTypes } from "node:module";
import markup from "../base/markup.ts" with { type: "text" };
import flowFilter from "./client/flow_filter.ts" with { type: "text" };
import gestures from "./client/gestures.ts" with { type: "text" };
import livePlot from "./client/live_plot.ts" with { type: "text" };
import logFilter from "./client/log_filter.ts" with { type: "text" };
import page from "./client/page.ts" with { type: "text" };
import readout from "./client/readout.ts" with { type: "text" };
import sortableTable from "./client/sortable_table.ts" with { type: "text" };
import view from "./client/view.ts" with { type: "text" };
import html from "./html.ts" with { type: "text" };
import plot from "./plot.ts" with { type: "text" };
import decode from "./series/decode.ts" with { type: "text" };
import axis from "./svg/axis.ts" with { type: "text" };
import drawing from "./svg/drawing.ts" with { type: "text" };
import envelope from "./svg/envelope.ts" with { type: "text" };
import gantt from "./svg/gantt.ts" with { type: "text" };
import xyPlot from "./svg/xy_plot.ts" with { type: "text" };

/** The modules of the page's script, by their paths in src, each after those that it imports. */
const MODULES: readonly (readonly [path: string, source: string])[] = [
  ["base/markup.ts", markup],
  ["report/html.ts", html],
  ["report/plot.ts", plot],
  ["report/series/decode.ts", decode],
  ["report/svg/axis.ts", axis],
  ["report/svg/drawing.ts", drawing],
  ["report/svg/envelope.ts", envelope],
  ["report/svg/xy_plot.ts", xyPlot],
  ["report/svg/gantt.ts", gantt],
  ["report/client/view.ts", view],
  ["report/client/gestures.ts", gestures],
  ["report/client/readout.ts", readout],
  ["report/client/live_plot.ts", livePlot],
  ["report/client/flow_filter.ts", flowFilter],
  ["report/client/sortable_table.ts", sortableTable],
  ["report/client/log_filter.ts", logFilter],
  ["report/client/page.ts", page],
];

/**
 * Returns the script of a page, as one text: it draws plots anew as the reader zooms, sorts tables and filters flows and
 * logs. A page is whole without it. It calls nothing, loads nothing, and runs in every browser of the last three years.
 *
 * The script is made of the sources in TypeScript when a page is made, which takes some milliseconds: so it has the code
 * that draws the SVGs of the file, and nothing has to be built before tine runs from a checkout.
 */
export function pageScript(): string {
  return linkModules(MODULES);
}

const IMPORT = /^import (?:\{([^}]*)\} from )?"(\.[^"]+)";$/gm;
const EXPORT = /^export ((?:async )?(?:function\*?|class|const|let) (\w+))/gm;
const COMMENT = /^\s*\/\*\*[^]*?\*\/\n|^\s*\/\/.*\n/gm;

/**
 * Joins modules in TypeScript into one script, without types and comments. Each becomes a function that returns what it
 * exports.
 *
 * @param modules paths and sources as `deno fmt` writes them, each after those that it imports
 * @throws {Error} if a module is imported that does not come before, or something else than a declaration is exported
 *
 * @example
 * ```ts
 * import { linkModules } from "./page_script.ts";
 * const script = linkModules([
 *   ["a.ts", "export const one: number = 1;\n"],
 *   ["b.ts", 'import { one } from "./a.ts";\nglobalThis.name = String(one);\n'],
 * ]);
 * new Function(script)();
 * ```
 */
export function linkModules(modules: readonly (readonly [path: string, source: string])[]): string {
  const linked = new Set<string>();
  const parts = modules.map(([path, source]) => {
    const exported: string[] = [];
    const code = stripTypeScriptTypes(source.replace(COMMENT, ""), { mode: "transform" })
      // Templates of HTML leave out indentation as well.
      .replace(/^[ \t]+/gm, "")
      .replace(IMPORT, (_, names: string | undefined, specifier: string) => {
        const from = new URL(specifier, `file:///${path}`).pathname.slice(1);
        if (!linked.has(from)) throw new Error(`${path} imports ${from}, which does not come before it`);
        const wanted = names?.split(",").map((name) => name.trim().replace(" as ", ": ")).filter(Boolean) ?? [];
        return wanted.length === 0 ? "" : `const { ${wanted.join(", ")} } = modules["${from}"];`;
      })
      .replace(EXPORT, (_, declaration: string, name: string) => {
        exported.push(name);
        return declaration;
      });
    const other = /^(?:export|import)\b.*/m.exec(code);
    if (other !== null) throw new Error(`${path} has "${other[0]}", which cannot be linked`);
    linked.add(path);
    return `modules["${path}"] = (() => {\n${code}return { ${exported.join(", ")} };\n})();\n`;
  });
  return `(() => {\n"use strict";\nconst modules = {};\n${parts.join("")}})();\n`;
}
