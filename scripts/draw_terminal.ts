/**
 * Draws what a terminal shows as an SVG picture: reads text with escape sequences for colours from stdin.
 *
 *     tmux capture-pane -ep | deno run scripts/draw_terminal.ts "tine run plan.yaml" >picture.svg
 *
 * @module
 */
import { toText } from "@std/streams";

/** Sizes in pixels: of a character cell, and of the margin around the text. */
const CELL = { width: 8.4, height: 19 };
const MARGIN = 16;
const BACKGROUND = "#16181d";
const FOREGROUND = "#d7dae0";
/** Colours by the numbers of SGR. */
const COLOURS: ReadonlyMap<number, string> = new Map([[31, "#f0716b"], [32, "#7fc96b"], [33, "#e2b75a"]]);

// deno-lint-ignore no-control-regex
const ESCAPE = /\x1b\[([\d;]*)m/;

/**
 * Returns an SVG picture of terminal output.
 *
 * @param output lines with SGR escape sequences: bold, dim, red, green, yellow; others have no effect
 * @param command a command line to show above them, after a prompt
 *
 * @example
 * ```ts
 * import { drawTerminal } from "./draw_terminal.ts";
 * console.assert(drawTerminal("\x1b[1mok\x1b[0m\n", "tine run").includes('font-weight="bold">ok</tspan>'));
 * ```
 */
export function drawTerminal(output: string, command: string): string {
  const lines = [`\x1b[2m$\x1b[0m \x1b[1m${command}\x1b[0m`, ...output.trimEnd().split("\n")];
  const columns = Math.max(...lines.map((line) => line.split(ESCAPE).filter((_, i) => i % 2 === 0).join("").length));
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN);
  const height = lines.length * CELL.height + 2 * MARGIN;
  const state = { bold: false, dim: false, colour: FOREGROUND };
  const text = lines.map((line, row) => {
    const y = MARGIN + row * CELL.height + 14;
    return `<text y="${y}">${spans(line, state)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    `  font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`,
    `<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`,
    ...text,
    "</svg>\n",
  ].join("\n");
}

/** The text of a line in pieces that look alike; how text looks goes on from line to line. */
function spans(line: string, state: { bold: boolean; dim: boolean; colour: string }): string {
  let column = 0;
  return line.split(ESCAPE).map((part, i) => {
    if (i % 2 === 1) {
      for (const code of part.split(";").map(Number)) {
        if (code === 0) Object.assign(state, { bold: false, dim: false, colour: FOREGROUND });
        else if (code === 1) state.bold = true;
        else if (code === 2) state.dim = true;
        else if (code === 22) state.bold = state.dim = false;
        else if (code === 39) state.colour = FOREGROUND;
        else state.colour = COLOURS.get(code) ?? state.colour;
      }
      return "";
    }
    const looks = [
      `fill="${state.colour}"`,
      ...state.dim ? ['opacity="0.6"'] : [],
      ...state.bold ? ['font-weight="bold"'] : [],
    ].join(" ");
    // Each piece between wide blanks has its own place: renderers join blanks.
    return part.split(/( {2,}|^ +| +$)/).map((piece) => {
      const x = (MARGIN + column * CELL.width).toFixed(1);
      column += piece.length;
      if (piece.trim() === "") return "";
      const escaped = piece.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
      return `<tspan x="${x}" textLength="${(piece.length * CELL.width).toFixed(1)}" ${looks}>${escaped}</tspan>`;
    }).join("");
  }).join("");
}

if (import.meta.main) console.log(drawTerminal(await toText(Deno.stdin.readable), Deno.args[0] ?? "").trimEnd());
