import { TineError } from "../../../base/errors.ts";
import type { Feedback } from "../../feedback.ts";

/**
 * The address that a client dials.
 *
 * @throws {TineError} `feedback-unset`, if it is to come from a key that no run before has set
 */
export function serverAddress(
  { addr, addrKey }: { readonly addr?: string; readonly addrKey?: string },
  feedback: Feedback,
): string {
  const found = addr ?? feedback.get(addrKey!);
  if (found !== undefined) return found;
  const known = [...feedback.keys()].join(", ") || "none";
  throw new TineError("feedback-unset", `no run before has set the feedback key ${addrKey}; set are: ${known}`);
}
