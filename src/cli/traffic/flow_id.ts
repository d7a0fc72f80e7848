const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/**
 * An id for a flow, different from those of other clients of the same server: `up.k2f8q0xw`.
 *
 * @param name what it is called for people, at most 7 letters and digits
 */
export function newFlowId(name: string): string {
  const random = crypto.getRandomValues(new Uint8Array(8));
  return `${name}.${Array.from(random, (byte) => LETTERS[byte % LETTERS.length]).join("")}`;
}
