/**
 * Results as pages and pictures for people.
 *
 * @module
 */

export { comparePage } from "./page/compare_page.ts";
export { makePages, type MakePagesOptions, type Page, type Reported, type ReportedTest } from "./make_pages.ts";
export { type PageOptions, testPage } from "./page/test_page.ts";
export {
  DEFAULT_PAGE_BYTES,
  type LogExcerpt,
  type ReadReportOptions,
  readTestReport,
  type TestReport,
} from "./test_report.ts";
export { singlePlot, type SinglePlotOptions } from "./single_plot.ts";
