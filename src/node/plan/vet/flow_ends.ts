import type { FlowEnd } from "../../runner.ts";
import { type Place, placeText } from "../place.ts";
import { needsOf, type TestVisits } from "../visits.ts";
import { errorAt, type Finding, type VetContext } from "./finding.ts";

/** A server of the test. */
interface Server {
  readonly end: FlowEnd;
  readonly place: Place;
}

/** A client and its server must agree, or no flow comes up between them. */
export function* checkFlowEnds({ visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const ends = visits.map(({ run, kind, place }) => ({ place, needs: needsOf(run, kind, runners) }));
  const servers = ends.flatMap(({ place, needs }): Server[] => needs.serves ? [{ end: needs.serves, place }] : []);
  for (const { place, needs: { dials } } of ends) {
    const server = dials && serverOf(dials, servers);
    if (server === undefined) continue;
    const problem = disagreement(dials!, server);
    if (problem !== undefined) yield errorAt(place, ...problem);
  }
}

/** The server that a client dials, if that can be told. */
function serverOf({ protocol, addr, addrKey }: FlowEnd, servers: readonly Server[]): Server | undefined {
  if (addrKey !== undefined) return servers.find(({ end }) => end.addrKey === addrKey);
  // Each namespace has loopback addresses of its own.
  if (addr === undefined || /^(?:127\.|\[::1\]|localhost:)/.test(addr)) return undefined;
  return servers.find(({ end }) => end.addr === addr && end.protocol === protocol);
}

function disagreement(client: FlowEnd, { end, place }: Server): [code: string, message: string] | undefined {
  const there = `the server at ${placeText(place)}`;
  if (client.protocol !== end.protocol) {
    return ["other-protocol", `runs a flow over ${client.protocol}, but ${there} serves ${end.protocol}`];
  }
  if (client.hmac !== end.hmac) {
    return ["one-sided-hmac", `has hmac: ${client.hmac}, but ${there} has hmac: ${end.hmac}; give both the same`];
  }
  if (client.packetBytes !== undefined && end.packetBytes !== undefined && client.packetBytes > end.packetBytes) {
    const [sent, taken] = [client.packetBytes, end.packetBytes];
    return ["long-packets", `sends packets of ${sent}B, but ${there} accepts ${taken}B; give it a maxPacketSize`];
  }
}
