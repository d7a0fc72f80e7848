/**
 * Whether an IPv6 address says where it is only together with an interface: link-local ones, unicast (fe80::/10) and
 * multicast (ff02::/16).
 *
 * @param ip its 16 bytes
 */
export function needsZone(ip: Uint8Array): boolean {
  return (ip[0] === 0xfe && (ip[1] & 0xc0) === 0x80) || (ip[0] === 0xff && ip[1] === 0x02);
}
