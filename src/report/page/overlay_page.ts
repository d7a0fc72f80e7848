import { elapsed } from "../../base/units.ts";
import { type Html, html } from "../html.ts";
import type { Overlay } from "../overlay.ts";
import { details } from "./details.ts";
import { pageScript } from "../page_script.ts";
import { documentEnd, documentStart } from "./document.ts";
import { flowsTables } from "./flows_table.ts";
import { alerts, limits, type PageOptions, plotSections, statusLabel, utcText } from "./test_page.ts";

/** Several tests laid over each other, of one id. */
export interface OverlaidTests {
  readonly heading: string;
  readonly overlay: Overlay;
}

/**
 * Makes a page of tests that are laid over each other: one section for each id that the runs have in common.
 *
 * @returns its text
 */
export async function overlayPage(
  tests: readonly OverlaidTests[],
  { title, script = true }: PageOptions,
): Promise<string> {
  const labels = [...new Set(tests.flatMap(({ overlay }) => overlay.parts.map(({ label }) => label)))];
  const heading = title ?? labels.join(" and ");
  const alone = tests.length === 1;
  const code = script ? pageScript() : undefined;
  const sections: Html[] = [];
  for (const [i, { overlay }] of tests.entries()) {
    sections.push(await overlaySections(overlay, alone ? "" : `test-${i + 1}-`));
  }
  return [
    await documentStart(heading, code),
    html`
      <header>
        <p class="crumbs">Overlay of ${labels.length} results</p>
        <h1>${heading}</h1>
      </header>
      <main>
      ${!alone && html`
        <nav aria-label="Tests">
          <ul class="contents">${tests.map(({ heading }, i) =>
            html`<li><a href="#test-${i + 1}">${heading}</a></li>`
          )}</ul>
        </nav>
      `}
      ${tests.map(({ heading }, i) =>
        alone ? sections[i] : html`
          <details class="test" id="test-${i + 1}">
          <summary><h2>${heading}</h2></summary>
          ${sections[i]}
          </details>
        `
      )}
      </main>
    `,
    documentEnd(code),
  ].join("\n");
}

async function overlaySections({ parts, timePlots, distributions }: Overlay, within: string): Promise<Html> {
  const looks = new Map(
    parts.flatMap(({ label, report }) =>
      Array.from(report.looks, ([name, look]) => [`${name} (${label})`, look] as const)
    ),
  );
  return html`
    <section id="${within}sides">
      <h2>What is compared</h2>
      <div class="table" tabindex="0" role="group" aria-label="What is compared">
        <table>
          <thead>
            <tr>
              <td></td>
              <th scope="col">status</th>
              <th scope="col">started</th>
              <th scope="col" class="num">took</th>
              <th scope="col">tine</th>
              <th scope="col">kernel</th>
            </tr>
          </thead>
          <tbody>
    ${parts.map(({ label, report: { test: { summary } } }) => {
      const versions = (name: "tine" | "kernel") =>
        [...new Set(summary.nodes.map(({ versions }) => versions?.[name]))].filter((text) => text).join(", ");
      return html`
        <tr>
          <th scope="row">${label}</th>
          <td>${statusLabel(summary.status)}</td>
          <td>${utcText(summary.started)}</td>
          <td class="num">${summary.durationMs !== undefined && elapsed(summary.durationMs)}</td>
          <td>${versions("tine")}</td>
          <td>${versions("kernel")}</td>
        </tr>
      `;
    })}
          </tbody>
        </table>
      </div>
      <p
        class="note">Flows of one name share a colour: those of ${parts[0]
          .label} are solid, the others are dashed. They are aligned where the first flow of each begins. One run a side shows a difference, not whether it is chance: <code>tine compare</code> says that of repeats.</p>
    </section>
    ${parts.map(({ label, report }) => html`${alerts(report)}${limits(report, label)}`)}
    <section id="${within}flows">
    <h2>Flows</h2>
    ${flowsTables(parts.map(({ label, report: { flows, looks } }) => ({ run: label, flows, looks })))}
    </section>
    ${await plotSections({ timePlots, distributions, looks }, within)}
    ${details(parts[0].report)}
  `;
}
