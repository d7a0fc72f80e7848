/**
 * Gates: conditions that figures of flows are to meet.
 *
 * @module
 */

export { readAlerts } from "./alerts.ts";
export {
  allPass,
  evaluateGates,
  type FlowVerdict,
  type GateStatus,
  type GateVerdict,
  type PlacedGate,
} from "./evaluate.ts";
export { type Gate, GateError, parseGate } from "./gate.ts";
export { junitXml } from "./junit.ts";
export { flowsOf, gatesOf, planForTests, type PlannedGates, readGates, vetGates } from "./plan_gates.ts";
export { readVerdicts, storeVerdicts } from "./stored_verdicts.ts";
