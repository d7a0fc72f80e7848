import { byteAmount, elapsed, formatCount } from "../../base/units.ts";
import type { LoggedLine, TestSummary } from "../../result/mod.ts";
import type { SysInfoData } from "../../node/mod.ts";
import { type Html, html } from "../html.ts";
import type { RunOfTest } from "../plots/runs.ts";
import type { TestReport } from "../test_report.ts";

/** More runs than this are left to exports. */
const MAX_RUNS = 500;
const MAX_FILES = 500;
/** A plan that is longer is cut. */
const MAX_PLAN = 60_000;
/** Text of a section of system information that is longer is cut. */
const MAX_SECTION = 8000;

/** Returns what is looked up rather than read: run tree, plan, nodes, system, logs and files. */
export function details(report: TestReport): Html {
  const { test: { summary }, runs, plan, systems } = report;
  return html`
    <section class="details">
    <h2>Details</h2>
    ${runs.length > 0 && fold("Run tree", formatCount(runs.length, "run"), runTree(runs))}
    ${plan !== undefined && fold("Plan", "as it was run", planText(plan))}
    ${summary.nodes.length > 0 &&
      fold("Nodes and clocks", formatCount(summary.nodes.length, "node"), nodeTable(summary))}
    ${systems.length > 0 && fold("System", formatCount(systems.length, "node"), systemTables(systems))}
    ${report.logs.first.length > 0 && fold("Logs", logCount(report), logTable(report))}
    ${summary.files.length > 0 && fold("Files", formatCount(summary.files.length, "file"), fileTable(summary))}
    ${fold("Records", byteAmount(summary.records.bytes), recordTable(summary))}
    </section>
  `;
}

function fold(title: string, note: string, content: Html): Html {
  return html`
    <details>
    <summary>${title} <span class="note">${note}</span></summary>
    ${content}
    </details>
  `;
}

function scrolled(label: string, content: Html): Html {
  return html`<div class="table" tabindex="0" role="group" aria-label="${label}">${content}</div>`;
}

function runTree(runs: readonly RunOfTest[]): Html {
  return html`
    ${scrolled(
      "Run tree",
      html`
        <table class="tree">
          <thead>
            <tr>
              <th scope="col">run</th>
              <th scope="col">node</th>
              <th scope="col" class="num">start, s</th>
              <th scope="col" class="num">took, s</th>
              <th scope="col">place in the plan</th>
              <th scope="col">error</th>
            </tr>
          </thead>
          <tbody>
        ${inPlanOrder(runs).slice(0, MAX_RUNS).map(({ name, node, path, depth, start, durationSeconds, error }) =>
          html`
            <tr>
              <th scope="row"><span class="indent">${"· ".repeat(
                Math.max(0, Math.min(20, depth - 1)),
              )}</span>${name}</th>
              <td>${node}</td>
              <td class="num">${(start / 1e6).toFixed(3)}</td>
              <td class="num">${durationSeconds === undefined ? "not ended" : durationSeconds.toFixed(3)}</td>
              <td><code>${path}</code></td>
              <td class="error">${error}</td>
            </tr>
          `
        )}
          </tbody>
        </table>
      `,
    )}${runs.length > MAX_RUNS && html`<p class="note">The first ${MAX_RUNS} of ${runs.length} runs.</p>`}
  `;
}

/** Puts runs below those that hold them: `serial[10]` behind `serial[9]`. */
function inPlanOrder(runs: readonly RunOfTest[]): RunOfTest[] {
  const key = ({ path }: RunOfTest) => path.replace(/\d+/g, (digits) => digits.padStart(9, "0"));
  return runs.map((run) => ({ run, key: key(run) })).sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
    .map(({ run }) => run);
}

function planText(plan: unknown): Html {
  const text = JSON.stringify(plan, undefined, 2);
  return html`<pre class="plan" tabindex="0">${text.slice(0, MAX_PLAN)}${text.length > MAX_PLAN && "\n…"}</pre>`;
}

function nodeTable({ nodes, missing }: TestSummary): Html {
  return html`
    ${scrolled(
      "Nodes and clocks",
      html`
        <table>
          <thead>
            <tr>
              <th scope="col">node</th>
              <th scope="col">host</th>
              <th scope="col">platform</th>
              <th scope="col">kernel</th>
              <th scope="col">tine</th>
              <th scope="col">Deno</th>
              <th scope="col">clock ahead of the root's</th>
            </tr>
          </thead>
          <tbody>
        ${nodes.map((node) =>
          html`
            <tr>
              <th scope="row">${node.nodeId}</th>
              <td>${node.hostname}</td>
              <td>${node.platform}</td>
              <td>${node.versions?.kernel}</td>
              <td>${node.versions?.tine}</td>
              <td>${node.versions?.deno}</td>
              <td>${clockText(node)}</td>
            </tr>
          `
        )}
          </tbody>
        </table>
      `,
    )}${missing.length > 0 && html`<p class="note">Results that did not reach the root:</p>
<ul>${missing.map(({ nodeId, what }) => html`<li>${nodeId}: ${what}</li>`)}</ul>`}
  `;
}

function clockText(node: object): string {
  // Summaries have had it from the start, though it is not among what they promise.
  const { clock } = node as { clock?: { offsetNs?: unknown; errorNs?: unknown } };
  if (typeof clock?.offsetNs !== "number" || typeof clock.errorNs !== "number") return "";
  if (clock.offsetNs === 0 && clock.errorNs === 0) return "shared";
  return `${(clock.offsetNs / 1e6).toFixed(3)} ms ± ${(clock.errorNs / 1e6).toFixed(3)} ms`;
}

/** Sections of system information, a column a node: what differs between nodes is marked. */
function systemTables(systems: readonly SysInfoData[]): Html {
  const titles = [...new Set(systems.flatMap(({ sections }) => Object.keys(sections)))];
  return html`
    ${titles.map((title) => {
      const contents = systems.map(({ sections }) => sections[title]);
      const names = [
        ...new Set(contents.flatMap((content) => typeof content === "object" ? Object.keys(content) : [])),
      ];
      const hasText = contents.some((content) => typeof content === "string");
      const rows = [
        ...names.map((name) => ({
          name,
          values: contents.map((content) => typeof content === "object" ? content[name] : undefined),
        })),
        ...hasText
          ? [{ name: "text", values: contents.map((content) => typeof content === "string" ? content : undefined) }]
          : [],
      ];
      return html`
        <h3>${title}</h3>
        ${scrolled(
          `System: ${title}`,
          html`
            <table class="system">
              <thead>
                <tr><td></td>${systems.map(({ nodeId }) => html`<th scope="col">${nodeId}</th>`)}</tr>
              </thead>
              <tbody>
            ${rows.map(({ name, values }) => {
              const differs = new Set(values).size > 1;
              return html`
                <tr class="${differs && "differs"}"><th scope="row">${name}${differs && html`
                  <abbr title="differs between nodes">≠</abbr>
                `}</th>${values.map((value) =>
                  html`
                    <td>
                      <pre>${value?.slice(0, MAX_SECTION).replace(/\n$/, "")}</pre>
                    </td>
                  `
                )}</tr>
              `;
            })}
              </tbody>
            </table>
          `,
        )}
      `;
    })}
  `;
}

function logCount({ logs: { first, last, leftOut } }: TestReport): string {
  return formatCount(first.length + last.length + leftOut, "line");
}

function logTable({ logs: { first, last, leftOut }, start }: TestReport): Html {
  const row = ({ time, nodeId, tag, text, error }: LoggedLine) =>
    html`
      <tr class="${error !== undefined && "failed"}">
        <td class="num">${(Number(time - start) / 1e9).toFixed(3)}</td>
        <td>${nodeId}</td>
        <td>${tag}</td>
        <td class="text">${text}</td>
      </tr>
    `;
  return html`
    ${scrolled(
      "Logs",
      html`
        <table class="logs">
          <thead>
            <tr>
              <th scope="col" class="num">s</th>
              <th scope="col">node</th>
              <th scope="col">tag</th>
              <th scope="col">text</th>
            </tr>
          </thead>
          <tbody>
        ${first.map(row)}
        ${leftOut > 0 && html`
          <tr>
            <td class="num">…</td>
            <td colspan="3">${formatCount(leftOut, "line")} left out: <code>tine log</code> has all</td>
          </tr>
        `}
        ${last.map(row)}
          </tbody>
        </table>
      `,
    )}
  `;
}

function fileTable({ files }: TestSummary): Html {
  return html`
    ${scrolled(
      "Files",
      html`
        <table>
          <thead>
            <tr>
              <th scope="col">file</th>
              <th scope="col">node</th>
              <th scope="col" class="num">size</th>
            </tr>
          </thead>
          <tbody>
        ${files.slice(0, MAX_FILES).map(({ name, nodeId, bytes }) =>
          html`
            <tr>
              <th scope="row">files/${name}</th>
              <td>${nodeId}</td>
              <td class="num">${byteAmount(bytes)}</td>
            </tr>
          `
        )}
          </tbody>
        </table>
      `,
    )}${files.length > MAX_FILES && html`<p class="note">The first ${MAX_FILES} of ${files.length} files.</p>`}
  `;
}

function recordTable({ records, logs, hash, started, ended, durationMs }: TestSummary): Html {
  const rows: [string, string][] = [
    ["started", started],
    ["ended", ended ?? ""],
    ["took", durationMs === undefined ? "" : elapsed(durationMs)],
    ...Object.entries(records.samples ?? {}).map((
      [kind, n],
    ): [string, string] => [`samples: ${kind}`, formatCount(n, "sample")]),
    ["records", byteAmount(records.bytes)],
    ["logs", byteAmount(logs.bytes)],
    ["hash of the test", hash],
  ];
  return scrolled(
    "Records",
    html`
      <table>
        <tbody>
      ${rows.filter(([, text]) => text !== "").map(([name, text]) =>
        html`
          <tr>
            <th scope="row">${name}</th>
            <td>${text}</td>
          </tr>
        `
      )}
        </tbody>
      </table>
    `,
  );
}
