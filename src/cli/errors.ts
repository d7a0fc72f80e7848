import { TineError } from "../base/errors.ts";

/**
 * The command line cannot be understood: an unknown flag, a bad value, a missing argument. Ends with exit code 2 and
 * a pointer to the help.
 *
 * @example
 * ```ts
 * import { UsageError } from "./errors.ts";
 * throw new UsageError("--socket and --listen exclude each other: give one of them");
 * ```
 */
export class UsageError extends TineError {
  override name = "UsageError";

  /** @param message one sentence: the argument, its value, what was expected */
  constructor(message: string, options?: ErrorOptions) {
    super("usage", message, options);
  }
}

/** A command that failed with an exit code of its own choice, where 1 would mean too little. */
export class CommandFailure extends TineError {
  override name = "CommandFailure";

  /**
   * @param code what went wrong, in kebab-case
   * @param message one sentence for people
   * @param exitCode what the process ends with, 1 to 255
   */
  constructor(code: string, message: string, readonly exitCode: number, options?: ErrorOptions) {
    super(code, message, options);
  }
}
