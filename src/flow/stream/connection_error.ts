import { SystemError } from "../../sys/system_error.ts";
import { TineError } from "../../base/errors.ts";

/** Codes for what happens to connections, by the name of the error number. */
const codes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection-refused",
  ECONNRESET: "connection-reset",
  EPIPE: "connection-reset",
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  ETIMEDOUT: "connection-timeout",
};

/**
 * An error of the kernel in the words of its user; others as they are.
 *
 * @param error what a call on the socket threw
 * @param what the text in front of the kernel's reason: `the connection to 10.0.0.1:5201 broke after 5 bytes`
 */
export function connectionError(error: unknown, what: string): unknown {
  if (!(error instanceof SystemError)) return error;
  const code = codes[error.errnoName];
  if (code === undefined) return error;
  // The call and the socket's own address say nothing that helps.
  const reason = error.message.slice(error.message.lastIndexOf(": ") + 2);
  return new TineError(code, `${what}: ${reason}`, { cause: error });
}
