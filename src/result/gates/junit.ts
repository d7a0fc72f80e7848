import { type JunitCase, junitReport } from "../../base/junit.ts";
import { testIdText } from "../names.ts";
import type { GateVerdict } from "./evaluate.ts";

/**
 * Returns verdicts as JUnit's XML: a suite a test, a case a gate. A gate that fails, also without data, is a failure; one
 * that is undecided is an error.
 *
 * @param name of the whole, such as that of the run
 * @param time when it was measured; left out where that is not known
 */
export function junitXml(name: string, verdicts: readonly GateVerdict[], time?: Date): string {
  const suites = Map.groupBy(verdicts, ({ test }) => test === undefined ? "all tests" : testIdText(test) || "the test");
  return junitReport(name, Array.from(suites, ([name, those]) => ({ name, cases: those.map(toCase) })), time);
}

function toCase({ gate, status, message, flows }: GateVerdict): JunitCase {
  const lines = flows.length === 0 ? [message] : flows.map((flow) => `${flow.status}: ${flow.message}`);
  const text = lines.join("\n");
  if (status === "pass") return { name: gate, status, text };
  return { name: gate, status: status === "undecided" ? "error" : "failure", message, type: status, text };
}
