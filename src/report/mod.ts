/**
 * Results as pages and pictures for people.
 *
 * @module
 */

export { type PageOptions, testPage } from "./page/test_page.ts";
export {
  DEFAULT_PAGE_BYTES,
  type GateLine,
  type ReadReportOptions,
  readTestReport,
  type TestReport,
} from "./test_report.ts";
