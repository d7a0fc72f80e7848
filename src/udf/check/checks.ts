import { batchChecks } from "./batch_checks.ts";
import type { Check } from "./check.ts";
import { compatibilityChecks } from "./compatibility_checks.ts";
import { dataCheck } from "./data.ts";
import { earlyOutputCheck } from "./early_output_check.ts";
import { endingChecks } from "./ending_checks.ts";
import { framingChecks } from "./framing_checks.ts";
import { groupChecks } from "./group_checks.ts";
import { keepaliveChecks } from "./keepalive_checks.ts";
import { optionChecks, startupChecks } from "./option_checks.ts";
import { snapshotChecks } from "./snapshot_checks.ts";
import { valueChecks } from "./value_checks.ts";

/** All checks, in the order in which Kapacitor would come across what they look at. */
export const CHECKS: readonly Check[] = [
  ...startupChecks,
  ...optionChecks,
  dataCheck,
  earlyOutputCheck,
  ...keepaliveChecks,
  ...framingChecks,
  ...valueChecks,
  ...compatibilityChecks,
  ...batchChecks,
  ...groupChecks,
  ...snapshotChecks,
  ...endingChecks,
];
