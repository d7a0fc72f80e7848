import { TineError } from "../base/errors.ts";
import { errnoName, errnoText } from "./errno.ts";

/**
 * The kernel refused a call.
 *
 * @example
 * ```ts
 * import { SystemError } from "./system_error.ts";
 * const error = new SystemError("connect", 111, "to 127.0.0.1:9");
 * console.assert(error.message === "connect to 127.0.0.1:9: connection refused (ECONNREFUSED)");
 * console.assert(error.errnoName === "ECONNREFUSED");
 * ```
 */
export class SystemError extends TineError {
  override readonly name = "SystemError";

  /** The name of the error number, e.g. `ECONNREFUSED`. */
  readonly errnoName: string;

  /**
   * @param call the system call
   * @param errno its error number
   * @param place what was called upon, e.g. `to 127.0.0.1:9`
   */
  constructor(readonly call: string, readonly errno: number, place = "") {
    const what = place === "" ? call : `${call} ${place}`;
    super("system-call-failed", `${what}: ${errnoText(errno)} (${errnoName(errno)})`);
    this.errnoName = errnoName(errno);
  }
}
