import { TineError } from "../base/errors.ts";

/**
 * Why a node was told to stop; codes are `timeout`, `interrupted`, `canceled`, or that of the error that caused it, which
 * is its cause then.
 */
export class Canceled extends TineError {
  override name = "Canceled";

  /**
   * @param code for programs, in kebab-case
   * @param message one sentence for people
   */
  constructor(code = "canceled", message = "the run was canceled", options?: ErrorOptions) {
    super(code, message, options);
  }
}
