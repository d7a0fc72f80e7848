import { messageOf, TineError } from "../base/errors.ts";

/** Errors of the system that mean: no room. */
const FULL = ["ENOSPC", "EDQUOT", "EFBIG"];

/** Errors of the system that mean: not permitted. */
const NOT_WRITABLE = ["EROFS", "EACCES", "EPERM"];

/**
 * What went wrong when results were written, in words.
 *
 * @param error of the system
 * @param folder where results go
 * @param kept what stays readable, as a clause; nothing yet when absent
 * @returns a TineError `results-full`, `results-not-writable` or `results-failed`
 */
export function storeError(error: unknown, folder: string, kept?: string): TineError {
  if (error instanceof TineError) return error;
  const code = systemCode(error);
  const rest = kept === undefined ? "" : `; ${kept}`;
  if (FULL.includes(code)) {
    return new TineError("results-full", `no space is left for the results in ${folder}${rest}`, { cause: error });
  }
  if (NOT_WRITABLE.includes(code)) {
    const what = code === "EROFS" ? "the file system is read-only" : "permission denied";
    return new TineError("results-not-writable", `cannot write results to ${folder}: ${what}${rest}`, { cause: error });
  }
  return new TineError("results-failed", `cannot write results to ${folder}: ${messageOf(error)}${rest}`, {
    cause: error,
  });
}

/** The code of an error of the system, such as `ENOSPC`; empty for another one. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.message.includes("(os error 27)") ? "EFBIG" : ""; // Deno has no code for it
}
