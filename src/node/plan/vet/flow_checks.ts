import { type Place, placeText } from "../place.ts";
import { innerRuns, kindOf, leastTime, needsOf, type TestVisits } from "../visits.ts";
import { errorAt, type Finding, type VetContext } from "./finding.ts";
import type { FlowEndpoint } from "../../runner.ts";
import { formatDuration, formatRate } from "../../../base/units.ts";
import type { Run } from "../types.ts";

/** Finds two flows with the same id: their measurements would be mixed. */
export function* checkFlowIds({ visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const first = new Map<string, Place | undefined>();
  for (const { run, kind, place } of visits) {
    const { flow } = needsOf(run, kind, runners);
    if (flow === undefined) continue;
    if (!first.has(flow)) first.set(flow, place);
    else {
      yield errorAt(
        place,
        "same-flow-id",
        `${flow} is the id of the flow at ${placeText(first.get(flow))} too; give one of them another id`,
      );
    }
  }
}

/** A server of the test. */
interface Server {
  readonly end: FlowEndpoint;
  readonly place: Place;
}

/** Finds clients that disagree with their server, so that no flow starts between them. */
export function* checkFlowEnds({ visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const ends = visits.map(({ run, kind, place }) => ({ place, needs: needsOf(run, kind, runners) }));
  const servers = ends.flatMap(({ place, needs }): Server[] => needs.serves ? [{ end: needs.serves, place }] : []);
  for (const { place, needs: { dials } } of ends) {
    const dialled = dials === undefined ? [] : serversOf(dials, servers);
    if (dials !== undefined && dialled.length === 0 && isForeign(dials)) yield errorAt(place, ...foreignKey);
    for (const server of dialled) {
      const problem = disagreement(dials!, server);
      if (problem !== undefined) yield errorAt(place, ...problem);
    }
  }
}

/**
 * Finds servers with more clients at a time than they let run. Clients of which the plan does not show how long they run
 * are left out.
 */
export function* checkFlowCounts({ test, place, visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const ends = visits.map(({ run, kind, place }) => ({ place, needs: needsOf(run, kind, runners) }));
  const servers = ends.flatMap(({ place, needs }): Server[] => needs.serves ? [{ end: needs.serves, place }] : []);
  if (servers.every(({ end }) => end.flows === undefined)) return;
  const starts = new Map<string, number>();
  leastTime(test, runners, place, (place, start) => (starts.set(placeText(place), start), true));
  for (const server of servers) {
    const { flows = Infinity } = server.end;
    const clients = ends.flatMap(({ place, needs: { dials, atLeast = 0 } }) => {
      const start = starts.get(placeText(place));
      if (start === undefined || atLeast === 0 || !dials || !serversOf(dials, servers).includes(server)) return [];
      return [{ place, start, end: start + atLeast }];
    });
    for (const { place, start } of clients) {
      const running = clients.filter((other) => other.start <= start && start < other.end).length;
      if (running <= flows) continue;
      const there = `the server at ${placeText(server.place)}`;
      yield errorAt(
        place,
        "many-flows",
        `starts while ${
          running - 1
        } other clients run, but ${there} lets ${flows} run at a time; give it another maxFlows`,
      );
      break;
    }
  }
}

/** Finds groups that a node joins twice: what both have received would be mixed. */
export function* checkGroups({ visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const first = new Map<string, Place | undefined>();
  for (const { run, kind, place, node } of visits) {
    const { serves } = needsOf(run, kind, runners);
    if (!serves?.group) continue;
    const key = `${node?.text} ${serves.addr}`;
    if (!first.has(key)) first.set(key, place);
    else {
      const other = placeText(first.get(key));
      yield errorAt(
        place,
        "same-group",
        `joins ${serves.addr}, as ${other} does on the same node; leave one of them out`,
      );
    }
  }
}

/** Addresses that each namespace has for itself. */
const LOOPBACK = /^(?:127\.|\[::1\]|localhost:)/;

/** Whether a client signs what goes to a reflector that is no run of the plan. */
function isForeign({ protocol, hmac, addr }: FlowEndpoint): boolean {
  return protocol === "STAMP" && hmac && addr !== undefined && !LOOPBACK.test(addr);
}

const foreignKey = [
  "foreign-key",
  "signs with the key of the run, which a reflector outside of the plan does not have; leave hmac out",
] as const;

/** Returns the server that a client dials, or all that have joined its group; none where the plan does not show it. */
function serversOf({ protocol, addr, addrKey }: FlowEndpoint, servers: readonly Server[]): Server[] {
  if (addrKey !== undefined) return servers.filter(({ end }) => end.addrKey === addrKey).slice(0, 1);
  if (addr === undefined || LOOPBACK.test(addr)) return [];
  // An address has a port of TCP, and one of UDP, where a reflector may be in place of a server.
  const found = servers.filter(({ end }) => end.addr === addr && (end.protocol === "TCP") === (protocol === "TCP"));
  return found.some(({ end }) => end.group) ? found : found.slice(0, 1);
}

function disagreement(client: FlowEndpoint, { end, place }: Server): [code: string, message: string] | undefined {
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
  const { durationMs: longest = Infinity, bitsPerSecond: fastest = Infinity } = end;
  const { durationMs = 0, bitsPerSecond = 0 } = client;
  if (durationMs > longest) {
    const [asked, allowed] = [durationMs, longest].map(formatDuration);
    return ["long-flow", `lasts ${asked}, but ${there} lets a flow last ${allowed}; give it another maxDuration`];
  }
  if (bitsPerSecond > fastest) {
    const asked = bitsPerSecond === Infinity ? "as fast as possible" : `with ${formatRate({ bitsPerSecond })}`;
    const allowed = formatRate({ bitsPerSecond: fastest });
    return ["fast-flow", `sends ${asked}, but ${there} lets a flow have ${allowed}; give it another maxRate`];
  }
}

/** Keys of feedback, and the place where each is set. */
type Keys = ReadonlyMap<string, Place>;

/** Finds keys of feedback that are used before they are set, and keys that are set twice. */
export function* checkFeedback({ test, place, visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  // Where else a key is set, for messages.
  const anywhere = new Map<string, Place>();
  for (const { run, kind, place } of visits) {
    for (const key of needsOf(run, kind, runners).sets ?? []) if (!anywhere.has(key)) anywhere.set(key, place);
  }
  const findings: Finding[] = [];

  /** Returns the keys that a run sets; `before` holds the keys that are set when it starts. */
  const follow = (run: Run, place: Place, before: Keys): Keys => {
    if (run.child !== undefined) return follow(run.child, { above: place, key: "child" }, before);
    const kind = kindOf(run);
    const set = new Map<string, Place>();
    const { sets = [], uses = [] } = needsOf(run, kind, runners);
    for (const key of uses) if (!before.has(key)) findings.push(unset(key, place, anywhere.get(key)));
    for (const key of sets) add(set, key, place, before);
    // Runs of a list see what earlier ones have set; others see only what was there before all of them.
    const serial = kind === "serial";
    const seen = serial ? new Map(before) : undefined;
    for (const [inner, innerPlace] of innerRuns({ run, place })) {
      const inside = follow(inner, innerPlace, seen ?? before);
      for (const [key, place] of inside) {
        add(set, key, place, serial ? EMPTY : before);
        seen?.set(key, place);
      }
    }
    return set;
  };
  const add = (set: Map<string, Place>, key: string, place: Place, before: Keys) => {
    const other = set.get(key) ?? before.get(key);
    if (other === undefined) set.set(key, place);
    else if (placeText(other) !== placeText(place)) findings.push(twice(key, place, other));
  };
  follow(test, place, EMPTY);
  yield* unique(findings);
}

const EMPTY: Keys = new Map();

function unset(key: string, place: Place, elsewhere: Place | undefined): Finding {
  const where = elsewhere === undefined
    ? "nothing in this test sets it"
    : `${placeText(elsewhere)} sets it only later or at the same time; put both into a serial, that one first`;
  return errorAt(place, "feedback-unset", `uses the feedback key ${key}, but ${where}`);
}

function twice(key: string, place: Place, other: Place): Finding {
  const message = `sets the feedback key ${key}, as ${placeText(other)} does; give one of them another key`;
  return errorAt(place, "feedback-twice", message);
}

function unique(findings: readonly Finding[]): Iterable<Finding> {
  return new Map(findings.map((finding) => [`${finding.code} ${finding.place} ${finding.message}`, finding])).values();
}
