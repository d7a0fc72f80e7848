import { TineError } from "../../base/errors.ts";

/**
 * Checks the name of a network namespace.
 *
 * @throws {TineError} `bad-namespace`
 */
export function checkNamespaceName(name: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/.test(name)) return;
  throw new TineError("bad-namespace", `${JSON.stringify(name)} is no name of a network namespace`);
}

/**
 * Why a namespace could not be created.
 *
 * @param reason what `ip netns add` said
 */
export function namespaceError(name: string, reason: string): TineError {
  if (reason.includes("File exists")) {
    return new TineError(
      "namespace-exists",
      `the network namespace ${name} exists already: delete it (ip netns delete ${name}), or take another name`,
    );
  }
  return new TineError("namespace-failed", `cannot create the network namespace ${name}: ${reason}`);
}
