import { elapsed, formatCount } from "../../base/units.ts";
import { worstBottlenecks } from "../../flow/analysis/mod.ts";
import type { TestStatus } from "../../result/mod.ts";
import type { GateStatus } from "../../result/gates/mod.ts";
import { testIdText } from "../../result/names.ts";
import { type Html, html } from "../html.ts";
import type { Look, Plot } from "../plot.ts";
import type { TestReport } from "../test_report.ts";
import { details } from "./details.ts";
import { pageScript } from "../page_script.ts";
import { documentEnd, documentStart, figure, legend, zoomableFigure } from "./document.ts";
import { flowsTables } from "./flows_table.ts";
import { headlines } from "./headlines.ts";
import { loadedPaths, loadTable } from "./load_table.ts";
import { MAX_SINGLE } from "../plots/context.ts";

/** Options of a page. */
export interface PageOptions {
  /** What the page is called; the test's id by default. */
  readonly title?: string;
  /** Whether the page has a script: it makes plots zoomable and tables sortable, and nothing depends on it. Default: true */
  readonly script?: boolean;
  /** The page of the run that it is one of. */
  readonly index?: { readonly title: string; readonly href: string };
}

/** How the sections of a test are made. */
export interface SectionOptions {
  /** What their ids begin with, where a page has several tests. */
  readonly within?: string;
  /** Whether all figures are listed with their definitions. Default: true */
  readonly full?: boolean;
}

/**
 * Makes the page of a test: one HTML document that loads nothing.
 *
 * @returns its text
 */
export async function testPage(report: TestReport, { title, script = true, index }: PageOptions = {}): Promise<string> {
  const code = script ? pageScript() : undefined;
  const heading = title ?? headingOf(report.test.summary.id);
  return [
    await documentStart(heading, code),
    html`
      <header>
      ${crumbs(report, index)}
      <h1>${heading}</h1>
      ${metaLine(report)}
      </header>
      <main>
      ${await testSections(report)}
      </main>
    `,
    documentEnd(code),
  ].join("\n");
}

/** Returns the sections of a test, from what happened to what is looked up. */
export async function testSections(
  report: TestReport,
  { within = "", full = true }: SectionOptions = {},
): Promise<Html> {
  const { flows, looks, timePlots, distributions } = report;
  return html`
    ${alerts(report)}
    ${headlines(report)}
    ${limits(report)}
    ${gates(report)}
    <section id="${within}flows">
    <h2>Flows</h2>
    ${flowsTables([{ flows, looks }], full)}
    </section>
    ${loadTable(loadedPaths(flows), looks)}
    ${await plotSections({ timePlots, distributions, looks }, within)}
    ${details(report)}
  `;
}

/** Returns plots over time, and of distributions. */
export async function plotSections(
  { timePlots, distributions, looks }: {
    timePlots: readonly Plot[];
    distributions: readonly Plot[];
    looks: ReadonlyMap<string, Look>;
  },
  within: string,
): Promise<Html> {
  const overTime: Html[] = [];
  const known: Parameters<typeof zoomableFigure>[2] = new Map();
  for (const plot of timePlots) {
    overTime.push(plot.type === "box" ? figure(plot, within) : await zoomableFigure(plot, within, known));
  }
  return html`
    ${overTime.length > 0 && html`
      <section id="${within}plots">
      <h2>Over time</h2>
      ${looks.size <= MAX_SINGLE && legend(looks)}
      ${overTime}
      </section>
    `}
    ${distributions.length > 0 && html`
      <section id="${within}distributions">
      <h2>Distributions</h2>
      ${distributions.map((plot) => figure(plot, within))}
      </section>
    `}
  `;
}

function crumbs({ run }: TestReport, index: PageOptions["index"]): Html {
  if (run === undefined && index === undefined) return html``;
  return html`
    <p class="crumbs">${index && html`
      <a href="${index.href}">${index.title}</a> ·
    `} ${run !== undefined && `Run ${run}`}</p>
  `;
}

/** Returns an id for people: a name by itself. */
export function headingOf(id: Readonly<Record<string, string>>): string {
  const { name, ...others } = id;
  return name === undefined
    ? testIdText(id)
    : [name, ...Object.keys(others).length > 0 ? [testIdText(others)] : []].join(", ");
}

/** Returns the status of a test as a label. */
export function statusLabel(status: TestStatus): Html {
  return html`<span class="status ${status}">${status === "running" ? "not ended" : status}</span>`;
}

function metaLine({ test: { summary } }: TestReport): Html {
  const { status, started, durationMs, nodes } = summary;
  const distinct = (values: readonly (string | undefined)[]) =>
    [...new Set(values)].filter((value) => value !== undefined && value !== "");
  const versions = [
    ...distinct(nodes.map(({ versions }) => versions?.tine)).map((version) => `tine ${version}`),
    ...distinct(nodes.map(({ versions }) => versions?.kernel)).map((version) => `kernel ${version}`),
  ];
  return html`
    <p class="meta">${statusLabel(status)}
    <span><time datetime="${started}">${utcText(started)}</time></span>
    ${durationMs !== undefined && html`<span>took ${elapsed(durationMs)}</span>`}
    <span>${formatCount(nodes.length, "node")}</span>
    ${versions.slice(0, 4).map((version) => html`<span>${version}</span>`)}</p>
  `;
}

/** Returns a time for people: `2026-11-29 03:44:33 UTC`. */
export function utcText(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Returns what went wrong, before anything else. */
export function alerts({ test: { summary }, problems }: TestReport): Html {
  const { errors, moreErrors, missing, status } = summary;
  const lines = [
    ...errors.map(({ nodeId, tag, message }) => html`<li><b>${nodeId} ${tag}</b>: ${message}</li>`),
    ...moreErrors > 0 ? [html`<li>and ${formatCount(moreErrors, "more error")}</li>`] : [],
    ...missing.map(({ nodeId, what }) => html`<li><b>${nodeId}</b>: ${what} did not reach the root</li>`),
    ...problems.map((problem) => html`<li>${problem}</li>`),
    ...status === "running"
      ? [html`<li>The test has not ended: it is under way, or was killed. This is what was recorded.</li>`]
      : [],
  ];
  if (lines.length === 0) return html``;
  const isFailure = errors.length > 0 || status === "failed" || status === "timeout";
  return html`
    <div class="alert ${isFailure ? "failed" : "warning"}" aria-label="What went wrong" role="group">
      <ul>${lines}</ul>
    </div>
  `;
}

/**
 * Returns where tine or its machines may have been the limit.
 *
 * @param label what tells the test from others on the page
 */
export function limits({ flows }: TestReport, label?: string): Html {
  const found = flows.flatMap(({ flow, bottlenecks }) => bottlenecks.map((bottleneck) => ({ flow, ...bottleneck })));
  if (found.length === 0) return html``;
  const lines = worstBottlenecks(found).map(({ flow, code, message, otherFlows }) =>
    html`<li><b>${flow}</b>: ${message}${
      otherFlows > 0 && `; less so ${formatCount(otherFlows, "other flow")}`
    } <code>${code}</code></li>`
  );
  return html`
    <div class="alert warning" aria-label="What tine may have limited" role="group">
      <p>tine or its machines may have limited these figures${label !== undefined &&
        ` of ${label}`}, rather than the network:</p>
      <ul>${lines}</ul>
    </div>
  `;
}

function gates({ gates }: TestReport): Html {
  if (gates.length === 0) return html``;
  return html`
    <section id="gates">
      <h2>Gates</h2>
      <ul class="gates">${gates.map(({ gate, status, message }) =>
        html`
          <li
            class="${GATE_CLASSES[
              status
            ]}"><span class="verdict">${status}</span> <code>${gate}</code> <span class="note">${message}</span></li>
        `
      )}</ul>
    </section>
  `;
}

const GATE_CLASSES: Readonly<Record<GateStatus, string>> = {
  pass: "passed",
  fail: "failed",
  undecided: "undecided",
  "no data": "failed",
};
