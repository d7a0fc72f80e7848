/** The ECN code point of a packet that met congestion: RFC 3168, 5. */
export const CE = 3;

/** Whether a packet arrived marked "congestion experienced", by the byte of its IP header that was called TOS. */
export function isMarked(trafficClass: number): boolean {
  return (trafficClass & 3) === CE;
}

/**
 * The ECN code point of what answers a packet. Only routers set CE, so a mark that a packet got on its way is never sent
 * back: it would count as congestion of the other direction.
 *
 * @param asked the code point that the client's flow asked for; undefined: the client does not say
 * @param trafficClass of the packet, as it arrived
 */
export function replyEcn(asked: number | undefined, trafficClass: number): number {
  return asked ?? (isMarked(trafficClass) ? 0 : trafficClass & 3);
}
