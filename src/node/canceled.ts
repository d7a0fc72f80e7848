import { TineError } from "../base/errors.ts";

/**
 * Why a node is canceled. The code is `timeout`, `interrupted`, `canceled`, or that of the error which is its cause.
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
