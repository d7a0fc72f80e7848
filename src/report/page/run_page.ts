import { elapsed, formatCount } from "../../base/units.ts";
import type { RunResults } from "../../result/mod.ts";
import { type Html, html } from "../html.ts";
import { type IndexRow, indexTable } from "./index_table.ts";
import { statusLabel, utcText } from "./test_page.ts";
import { pageScript } from "../page_script.ts";
import { documentEnd, documentStart } from "./document.ts";

/** A test of the page of a run, behind its index. */
export interface RunSection {
  /** By which the index leads to it. */
  readonly id: string;
  readonly heading: string;
  readonly content: Html;
}

/** What the page of a run is made of. */
export interface RunPageParts {
  readonly title: string;
  readonly run: RunResults;
  readonly rows: readonly IndexRow[];
  /** The tests, where they are in the same file. */
  readonly sections: readonly RunSection[];
  /** Whether the page has a script. */
  readonly script: boolean;
}

/** Makes the page of a run: the index of its tests, and the tests themselves where they are in the same file. */
export async function runPage({ title, run, rows, sections, script }: RunPageParts): Promise<string> {
  const { summary, complete, name } = run;
  const code = script ? pageScript() : undefined;
  const statuses = Map.groupBy(summary.tests, ({ status }) => status);
  return [
    await documentStart(title, code),
    html`
      <header>
        <p class="crumbs">Run ${name}</p>
        <h1>${title}</h1>
        <p class="meta">${Array.from(
          statuses,
          ([status, tests]) => html`<span>${statusLabel(status)} ${formatCount(tests.length, "test")}</span>`,
        )}
      <span><time datetime="${summary.started}">${utcText(summary.started)}</time></span>
      ${summary.durationMs !== undefined && html`<span>took ${elapsed(summary.durationMs)}</span>`}
      <span>tine ${summary.tine}</span></p>
      </header>
      <main>
      ${!complete && html`
        <div class="alert warning" aria-label="What went wrong" role="group">
          <p>The run is not complete: it is under way, or was killed. This is what was recorded.</p>
        </div>
      `}
      <section id="tests">
      <h2>Tests</h2>
      ${rows.length === 0 ? html`<p class="nothing">No test has run.</p>` : indexTable(rows)}
      </section>
      ${sections.map(({ id, heading, content }) =>
        html`
          <details class="test" id="${id}">
          <summary><h2>${heading}</h2></summary>
          ${content}
          <p class="note"><a href="#tests">To the index</a></p>
          </details>
        `
      )}
      </main>
    `,
    documentEnd(code),
  ].join("\n");
}
