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
  // What is kept has been there before: then the folder has gone with it.
  const what = code === "ENOENT" && kept !== undefined
    ? "it was moved or removed while they were written"
    : `${messageOf(error)}${rest}`;
  return new TineError("results-failed", `cannot write results to ${folder}: ${what}`, {
    cause: error,
  });
}

/** Why a file cannot be written, where the system's own message is too long or too short. */
const WHY_NOT: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such folder"],
  ["ENOTDIR", "what stands above it is no folder"],
  ["EEXIST", "a file of this name is there"],
  ["EISDIR", "it is a folder"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EROFS", "the file system is read-only"],
  ...FULL.map((code): [string, string] => [code, "no space is left"]),
]);

/** Returns why a file cannot be written, without the call and the temporary name that the system's message has. */
export function whyNotWritten(error: unknown): string {
  return WHY_NOT.get(systemCode(error)) ?? messageOf(error);
}

/** The code of an error of the system, such as `ENOSPC`; empty for another one. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.message.includes("(os error 27)") ? "EFBIG" : ""; // Deno has no code for it
}
