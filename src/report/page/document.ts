import { Html, html, scriptJson } from "../html.ts";
import type { GanttPlot, Look, Plot, XYPlot } from "../plot.ts";
import { encodePlot } from "../series/encode.ts";
import { bandSwatch, drawPlot, swatch } from "../svg/mod.ts";
import styleSheet from "./styles.css" with { type: "text" };

/** The style sheet without what only its readers need. */
const styles = styleSheet.replace(/\/\*[^]*?\*\//g, "").replace(/\s+/g, " ");

/** How large plots are drawn, in pixels of the page. */
const WIDTH = 960;
const HEIGHT = 220;

/** What a page of a server does besides. */
export interface ServedPage {
  /** Whether its script may connect to where the page comes from. */
  readonly connects?: boolean;
  /** After how many seconds it is loaded anew. */
  readonly refresh?: number;
}

/**
 * Returns the start of a document: its policy lets through what is in it, and nothing else. What follows is content, and
 * then {@linkcode documentEnd}.
 */
export async function documentStart(
  title: string,
  script: string | undefined,
  { connects = false, refresh }: ServedPage = {},
): Promise<Html> {
  const policy = [
    "default-src 'none'",
    `style-src '${await hashOf(styles)}'`,
    ...script === undefined ? [] : [`script-src '${await hashOf(script)}'`],
    ...connects ? ["connect-src 'self'"] : [],
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
        ${refresh !== undefined && html`<meta http-equiv="refresh" content="${refresh}">`}
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="generator" content="tine">
        <title>${title}</title>
        <style>${new Html(styles)}</style>
      </head>
      <body>
  `;
}

/** Returns the end of a document. */
export function documentEnd(script: string | undefined): Html {
  return html`
    ${script !== undefined && html`<script type="module">${new Html(script)}</script>`}
    </body>
    </html>
  `;
}

/** The source of a Content-Security-Policy that is a text. */
async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `sha256-${digest.toBase64()}`;
}

/**
 * Returns a plot: what is seen of it without scripts, and what it says.
 *
 * @param within what the ids of a page's plots begin with, where it has plots of several tests
 */
export function figure(plot: Plot, within = ""): Html {
  return figureWith(plot, within, html``);
}

/**
 * Returns a plot over time with what the page's script draws it anew from, see {@linkcode figure}.
 *
 * @param known where data of the same test stands already, see {@linkcode encodePlot}
 */
export async function zoomableFigure(
  plot: XYPlot | GanttPlot,
  within = "",
  known?: Parameters<typeof encodePlot>[1],
): Promise<Html> {
  const data = scriptJson(await encodePlot(plot, known));
  return figureWith(plot, within, html`<script type="application/json">${data}</script>`);
}

function figureWith(plot: Plot, within: string, data: Html): Html {
  return html`
    <figure class="plot ${plot.type}" id="${within}plot-${plot.id}" data-plot="${plot.id}">
      <div class="drawing" tabindex="0" role="group" aria-label="${plot.title}">${drawPlot(plot, WIDTH, HEIGHT)}</div>
      ${ownLegend(plot)}
      ${data}
      <figcaption>${plot.caption}</figcaption>
    </figure>
  `;
}

/** The legend of a plot whose lines are not those of single flows, which have one for all plots. */
function ownLegend(plot: Plot): Html {
  if (plot.type !== "time") return html``;
  const shown = plot.series.filter(({ kind, hidden }) => kind !== "ticks" && !hidden);
  if (shown.every(({ flow }) => flow !== undefined) && !plot.id.startsWith("udf.")) return html``;
  const items = shown.map(({ name, look, kind }) =>
    html`<li>${kind === "band" ? bandSwatch(look) : swatch(look)}${name}</li>`
  );
  return html`<ul class="legend own">${items}</ul>`;
}

/** Returns which flow looks how, for all plots below it. */
export function legend(looks: Iterable<readonly [name: string, look: Look]>): Html {
  const items = Array.from(looks, ([name, look]) => html`<li data-flow="${name}">${swatch(look)}${name}</li>`);
  return html`${items.length > 0 && html`<ul class="legend">${items}</ul>`}`;
}
