import { TineError } from "../base/errors.ts";
import { type RunResults, type TestResults, testsOf } from "../result/mod.ts";
import { testFolderName, testIdText } from "../result/names.ts";
import { overlay } from "./overlay.ts";
import { type IndexRow, sparkOf } from "./page/index_table.ts";
import { type OverlaidTests, overlayPage } from "./page/overlay_page.ts";
import { runPage, type RunSection } from "./page/run_page.ts";
import { testFigures } from "./page/test_figures.ts";
import { headingOf, testPage, testSections } from "./page/test_page.ts";
import { DEFAULT_PAGE_BYTES, readTestReport, type TestReport } from "./test_report.ts";

/** A test that is shown, and the name of its run where it is known. */
export interface ReportedTest {
  readonly test: TestResults;
  readonly run?: string;
}

/** What is shown: a test by itself, or a run. */
export type Reported = ReportedTest | RunResults;

/** How pages are made. */
export interface MakePagesOptions {
  /** What the page is called; its test or its plan by default. */
  readonly title?: string;
  /** About how large a page may be, in bytes. Default: 5,000,000 */
  readonly maxBytes?: number;
  /** Whether each test of a run gets a page of its own, rather than all one page. */
  readonly separate?: boolean;
  /** Whether pages have a script, as {@linkcode testPage} makes it. Default: true */
  readonly script?: boolean;
  readonly signal?: AbortSignal;
}

/** A page. */
export interface Page {
  /** The name of its file, in a folder of pages. */
  readonly name: string;
  readonly text: string;
}

/** The page that leads to the others. */
const INDEX = "index.html";
/** With more tests in one page than this, each has no list of all its figures. */
const MAX_FULL_TESTS = 6;
/** What a test in a page takes at least. */
const MIN_TEST_BYTES = 50_000;

/**
 * Makes the pages of results: of a test its page; of a run an index and the pages of its tests; of several, one that
 * lays them over each other. They are made one by one, the index last.
 *
 * @param reported the base first
 * @param options how they are made
 * @throws {TineError} `no-results`, if there is no test, or none that all have in common; those of reading results
 */
export async function* makePages(
  reported: readonly Reported[],
  options: MakePagesOptions = {},
): AsyncGenerator<Page, void, void> {
  if (reported.length > 1) return yield await overlaidPage(reported, options);
  const [one] = reported;
  if ("test" in one) {
    return yield { name: INDEX, text: await testPage(await read(one, options), options) };
  }
  const { tests } = one.summary;
  if (tests.length === 1) {
    for await (const test of testsOf(one)) yield* makePages([{ test, run: one.name }], options);
    return;
  }
  yield* pagesOfRun(one, options);
}

async function* pagesOfRun(run: RunResults, options: MakePagesOptions): AsyncGenerator<Page, void, void> {
  const { title = run.summary.plan, maxBytes = DEFAULT_PAGE_BYTES, separate = false, script = true, signal } = options;
  const { tests } = run.summary;
  const share = separate ? maxBytes : Math.max(MIN_TEST_BYTES, maxBytes / Math.max(1, tests.length));
  const rows: IndexRow[] = [], sections: RunSection[] = [];
  for await (const test of testsOf(run)) {
    signal?.throwIfAborted();
    const { summary } = test;
    const report = await read({ test, run: run.name }, { ...options, maxBytes: share });
    const id = `test-${rows.length + 1}`;
    const name = `${testFolderName(summary.id)}.html`;
    rows.push({
      href: separate ? encodeURIComponent(name) : `#${id}`,
      summary,
      figures: testFigures(report.flows),
      gates: report.gates,
      spark: sparkOf(report.timePlots),
    });
    if (separate) yield { name, text: await testPage(report, { script, index: { title, href: INDEX } }) };
    else {
      const content = await testSections(report, { within: `${id}-`, full: tests.length <= MAX_FULL_TESTS });
      sections.push({ id, heading: headingOf(summary.id), content });
    }
  }
  yield { name: INDEX, text: await runPage({ title, run, rows, sections, script }) };
}

async function overlaidPage(reported: readonly Reported[], options: MakePagesOptions): Promise<Page> {
  const sides = await Promise.all(reported.map(testsIn));
  const [base] = sides;
  const maxBytes = options.maxBytes ?? DEFAULT_PAGE_BYTES;
  // Single tests are laid over each other whatever their ids are; of runs, those with one id.
  const groups = reported.every((one) => "test" in one) ? [sides.map(([test]) => test)] : base.map(({ test, run }) => {
    const id = testIdText(test.summary.id);
    return [
      { test, run },
      ...sides.slice(1).flatMap((side) => side.filter(({ test }) => testIdText(test.summary.id) === id)),
    ];
  }).filter((group) => group.length > 1);
  if (groups.length === 0) {
    throw new TineError("no-results", "these results have no test in common: none of the base has its id in another");
  }
  const tests: OverlaidTests[] = [];
  for (const group of groups) {
    options.signal?.throwIfAborted();
    const share = maxBytes / groups.length / group.length;
    const reports: TestReport[] = [];
    for (const one of group) reports.push(await read(one, { ...options, maxBytes: share }));
    tests.push({ heading: headingOf(group[0].test.summary.id), overlay: overlay(reports) });
  }
  return { name: INDEX, text: await overlayPage(tests, options) };
}

async function testsIn(one: Reported): Promise<ReportedTest[]> {
  if ("test" in one) return [one];
  return await Array.fromAsync(testsOf(one), (test) => ({ test, run: one.name }));
}

async function read({ test, run }: ReportedTest, { maxBytes }: MakePagesOptions): Promise<TestReport> {
  return await readTestReport(test, { run, maxBytes });
}
