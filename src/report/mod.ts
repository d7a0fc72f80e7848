/**
 * Results as pages and pictures for people.
 *
 * @module
 */

export { type PageOptions, testPage } from "./page.ts";
export { readTestReport, type TestReport } from "./test_report.ts";
