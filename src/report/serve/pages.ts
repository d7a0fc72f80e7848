import markupModule from "../../base/markup.ts" with { type: "text" };
import { elapsed, formatCount } from "../../base/units.ts";
import type { RunResults, TestEntry } from "../../result/mod.ts";
import { type Html, html, scriptJson } from "../html.ts";
import { documentEnd, documentStart } from "../page/document.ts";
import { statusLabel, utcText } from "../page/test_page.ts";
import { LIVE_PLOTS } from "./live_series.ts";
import liveModule from "../client/live.ts" with { type: "text" };
import htmlModule from "../html.ts" with { type: "text" };
import { linkModules } from "../page_script.ts";
import plotModule from "../plot.ts" with { type: "text" };
import axisModule from "../svg/axis.ts" with { type: "text" };
import drawingModule from "../svg/drawing.ts" with { type: "text" };
import envelopeModule from "../svg/envelope.ts" with { type: "text" };
import xyPlotModule from "../svg/xy_plot.ts" with { type: "text" };
import bucketsModule from "./growing_buckets.ts" with { type: "text" };

/** A run of the list. */
export interface ListedRun {
  /** As it stands in addresses. */
  readonly name: string;
  readonly run: RunResults;
  /** Whether it is under way. */
  readonly live: boolean;
}

/** Seconds after which a list of runs is loaded anew. */
const REFRESH_SECONDS = 5;

/**
 * Makes the list of runs.
 *
 * @param path of the folder
 * @param runs the newest first
 * @param more how many there are besides
 * @param damaged why folders are left out, a sentence each
 */
export async function indexPage(
  path: string,
  runs: readonly ListedRun[],
  more: number,
  damaged: readonly string[],
): Promise<string> {
  const rows = runs.map(({ name, run, live }) => {
    const { plan, started, durationMs, tests } = run.summary;
    const state = live
      ? html`<span class="status running">runs</span>`
      : run.complete
      ? html``
      : html`<span class="status failed">not complete</span>`;
    return html`
      <tr>
        <th><a href="${encodeURIComponent(name)}/">${name}</a></th>
        <td>${plan}</td>
        <td>${utcText(started)}</td>
        <td class="num">${durationMs !== undefined && elapsed(durationMs)}</td>
        <td class="num">${tests.length}</td>
        <td>${state}${run.complete && statusCounts(tests)}</td>
      </tr>
    `;
  });
  return await page(
    "Runs",
    html`
      <header>
        <h1>Runs</h1>
        <p class="meta"><span>${path}</span></p>
      </header>
      <main>
      ${damaged.length > 0 && html`
        <section class="alert warning" aria-label="What is left out">
          <p>These folders are left out:</p>
          <ul>${damaged.slice(0, 20).map((message) => html`<li>${message}</li>`)}${damaged.length > 20 &&
            html`<li>and ${damaged.length - 20} more</li>`}</ul>
        </section>
      `}
      <section id="runs">
      ${rows.length === 0
        ? html`<p class="nothing">There is no run yet. This page looks again every ${REFRESH_SECONDS} seconds.</p>`
        : html`
          <div class="table">
            <table>
              <thead>
                <tr>
                  <th scope="col">Run</th>
                  <th scope="col">Plan</th>
                  <th scope="col">Started</th>
                  <th scope="col" class="num">Took</th>
                  <th scope="col" class="num">Tests</th>
                  <th scope="col">How it ended</th>
                </tr>
              </thead>
              <tbody>${rows}</tbody>
            </table>
          </div>
        `}
      ${more > 0 &&
        html`<p class="note">${formatCount(more, "older run")} ${more === 1 ? "is" : "are"} not listed.</p>`}
      </section>
      </main>
    `,
    { refresh: REFRESH_SECONDS },
  );
}

/** How the tests of a run have ended. */
function statusCounts(tests: readonly TestEntry[]): readonly Html[] {
  const counts = Map.groupBy(tests, ({ status }) => status);
  return Array.from(
    counts,
    ([status, those]) => html`${statusLabel(status)} ${(counts.size > 1 || those.length > 1) && `${those.length} `}`,
  );
}

function testsTable(rows: Html): Html {
  return html`
    <div class="table follow" tabindex="0" role="region" aria-label="Tests">
      <table>
        <thead>
          <tr>
            <th scope="col">Test</th>
            <th scope="col">How it ended</th>
            <th scope="col" class="num">Took</th>
            <th scope="col" class="num">Errors</th>
          </tr>
        </thead>
        <tbody id="tests-body">${rows}</tbody>
      </table>
    </div>
  `;
}

/**
 * Makes the page of a run that is under way. Its script fills it from the events of the server, and loads the final page
 * when the run has ended.
 */
export async function livePage(name: string): Promise<string> {
  return await page(
    name,
    html`
      <header>
        <p class="crumbs"><a href="../">Runs</a> ${name}</p>
        <h1 id="test">${name}</h1>
        <p class="meta"><span id="state" class="status running" role="status">connecting</span>
        <span id="note"></span></p>
        <noscript><p class="alert warning">A page that grows needs a script. Without it, load this page again when the run
        has ended.</p></noscript>
      </header>
      <main>
        <section id="tests" hidden>
        <h2>Tests</h2>
        ${testsTable(html``)}
        <p class="note" id="more-tests"></p>
        </section>
        <section id="flows" hidden>
          <h2>Flows</h2>
          <div class="table follow" tabindex="0" role="region" aria-label="Flows">
            <table>
              <thead>
                <tr>
                  <th scope="col">Flow</th>
                  <th scope="col" class="num">Goodput</th>
                  <th scope="col" class="num">RTT median, ms</th>
                  <th scope="col" class="num">p99, ms</th>
                  <th scope="col" class="num">Lost or resent</th>
                  <th scope="col">State</th>
                </tr>
              </thead>
              <tbody id="flows-body"></tbody>
            </table>
          </div>
          <p class="note" id="more-flows"></p>
        </section>
        <section id="plots">
        <ul class="legend" id="legend"></ul>
        ${LIVE_PLOTS.map(({ id }) =>
          html`
            <figure class="plot" id="plot-${id}" hidden>
              <div class="drawing grows"></div>
            </figure>
          `
        )}
        </section>
        <section id="logs" hidden>
          <h2>Logs</h2>
          <div class="table follow" id="logs-box" tabindex="0" role="region" aria-label="Logs">
            <table class="logs">
              <thead>
                <tr>
                  <th scope="col" class="num">Time, s</th>
                  <th scope="col">Node</th>
                  <th scope="col">Tag</th>
                  <th scope="col">Text</th>
                </tr>
              </thead>
              <tbody id="lines"></tbody>
            </table>
          </div>
        </section>
      </main>
      <script type="application/json" id="heads">${scriptJson(LIVE_PLOTS)}</script>
    `,
    { script: liveScript(), connects: true },
  );
}

/** Puts content into a document. */
async function page(
  title: string,
  content: Html,
  options: { script?: string; connects?: boolean; refresh?: number } = {},
): Promise<string> {
  const { script } = options;
  return [await documentStart(title, script, options), content, documentEnd(script)].join("\n");
}

/** Returns the script of a page that follows a run: it draws plots with the code that draws those of the final page. */
function liveScript(): string {
  return linkModules([
    ["base/markup.ts", markupModule],
    ["report/html.ts", htmlModule],
    ["report/plot.ts", plotModule],
    ["report/svg/axis.ts", axisModule],
    ["report/svg/drawing.ts", drawingModule],
    ["report/svg/envelope.ts", envelopeModule],
    ["report/svg/xy_plot.ts", xyPlotModule],
    ["report/serve/growing_buckets.ts", bucketsModule],
    ["report/client/live.ts", liveModule],
  ]);
}
