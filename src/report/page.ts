import { testIdText } from "../result/names.ts";
import { flowsTables } from "./flows_table.ts";
import { Html, html } from "./html.ts";
import type { Plot } from "./plot.ts";
import styles from "./styles.css" with { type: "text" };
import { drawPlot } from "./svg/mod.ts";
import type { TestReport } from "./test_report.ts";

/** How large plots are drawn, in pixels of the page. */
const PLOT = { width: 960, height: 240 } as const;

/** Options of a page. */
export interface PageOptions {
  /** What the page is called; the test's id by default. */
  readonly title?: string;
  /** JavaScript of the page: it makes plots zoomable and tables sortable, and nothing depends on it. */
  readonly script?: string;
}

/**
 * Makes the page of a test: one HTML document that loads nothing.
 *
 * @returns its text
 */
export async function testPage(report: TestReport, { title, script }: PageOptions = {}): Promise<string> {
  const { test: { summary }, run } = report;
  const heading = title ?? testIdText(summary.id);
  return await document(
    heading,
    html`
      <header>
        <h1>${heading}</h1>
        <p
          class="meta"><span class="status ${summary.status}">${summary.status}</span> ${run} <time datetime="${summary
            .started}">${summary.started}</time></p>
      </header>
      <main>
        <section id="flows"><h2>Flows</h2>
      ${flowsTables(report.flows, report.looks)}</section>
        <section id="plots"><h2>Over time</h2>
      ${report.plots.map(figure)}</section>
      </main>
    `,
    script,
  );
}

/** A plot: what is seen of it without scripts, and what it says. */
function figure(plot: Plot): Html {
  return html`
    <figure class="plot" id="plot-${plot.id}" data-plot="${plot.id}">
    ${drawPlot(plot, PLOT.width, PLOT.height)}
    <figcaption>${plot.caption}</figcaption>
    </figure>
  `;
}

/** Puts content into a document whose policy lets through what is in it, and nothing else. */
async function document(title: string, content: Html, script: string | undefined): Promise<string> {
  const policy = [
    "default-src 'none'",
    `style-src '${await hashOf(styles)}'`,
    ...script === undefined ? [] : [`script-src '${await hashOf(script)}'`],
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
        <meta name="viewport" content="width=device-width">
        <meta name="color-scheme" content="light dark">
        <meta name="generator" content="tine">
        <title>${title}</title>
        <style>${new Html(styles)}</style>
      </head>
      <body>
    ${content}</body>
    </html>
  `.text;
}

/** The source of a Content-Security-Policy that is a text. */
async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `sha256-${digest.toBase64()}`;
}
