import type { FlowInfo } from "../../node/item.ts";
import { TineError } from "../../base/errors.ts";
import { glob } from "../../base/glob.ts";
import type { TestResults } from "../open_results.ts";
import type { TestSummary } from "../summary.ts";
import type { ReturnedPoint } from "../udf_output.ts";
import { joinedColumns, type UdfColumn } from "../udf_columns.ts";
import { clockOf, type NodeClock } from "../node_clock.ts";
import type { FlowWarmUp, OnSamples } from "../read_flows.ts";
import { type FlowIndex, type IndexedFlow, indexFlows, startOf } from "../flow_index.ts";
import type { Column, ConstantValue, TimeValues, Values } from "./table.ts";

/** What tables are made from: a test, and what identifies it among others. */
export interface TableSource {
  readonly test: Pick<TestResults, "path"> & { readonly summary: Pick<TestResults["summary"], "id"> };
  /** The name of its run, where it is known. */
  readonly run?: string;
  /** The keys of all ids that the export has, so that all its tests have the same columns. */
  readonly idKeys: readonly string[];
  /** A glob pattern for the ids of flows. */
  readonly flows?: string;
  /** The length of intervals, in milliseconds. */
  readonly intervalMs?: number;
  /** For progress, while rows are made: few may come of many samples. */
  readonly onSamples?: OnSamples;
  /** What UDFs returned, by the name of the UDF: tags and fields of all tests that the export has. */
  readonly udfs?: ReadonlyMap<string, readonly UdfColumn[]>;
  /** Points that a UDF has just returned, in place of those that are stored. */
  readonly returned?: AsyncIterable<ReturnedPoint[]>;
}

/** What all tests of an export have in common, so that they have the same columns. */
export function sharedSource(
  summaries: Iterable<Pick<TestSummary, "id" | "udfs">>,
): Required<Pick<TableSource, "idKeys" | "udfs">> {
  const idKeys = new Set<string>();
  const lists = new Map<string, (readonly UdfColumn[])[]>();
  for (const { id, udfs = [] } of summaries) {
    for (const key of Object.keys(id)) idKeys.add(key);
    for (const { name, columns } of udfs) lists.set(name, [...lists.get(name) ?? [], columns]);
  }
  return { idKeys: [...idKeys], udfs: new Map(Array.from(lists, ([name, all]) => [name, joinedColumns(all)])) };
}

/** Returns what picks the flows whose ids match a glob pattern; undefined for all flows. */
export function wantedFlows(pattern: string | undefined): ((flow: string) => boolean) | undefined {
  return pattern === undefined || pattern === "*" ? undefined : glob(pattern, { separator: "." });
}

/**
 * Returns what picks the same flows by the ids that their clients give them, under which samples come: those of a flow to
 * a group have no receiver in theirs.
 */
export function wantedSamples(pattern: string | undefined): ((flow: string) => boolean) | undefined {
  const own = wantedFlows(pattern), sent = wantedFlows(pattern?.split("@")[0]);
  return own && ((flow) => own(flow) || sent === undefined || sent(flow));
}

/** The flows of a test, and the clocks of its nodes. */
export class SourceFlows {
  readonly #index: FlowIndex;
  readonly #wanted: (flow: string) => boolean;

  /**
   * @param index of a test, which may grow
   * @param flows a glob pattern for the ids of flows
   */
  constructor(index: FlowIndex, flows: string | undefined) {
    this.#index = index;
    this.#wanted = wantedFlows(flows) ?? (() => true);
  }

  /** Goes through the records of a test once; one that has recorded nothing has no flows. */
  static async read({ test, flows }: TableSource): Promise<SourceFlows> {
    try {
      return new SourceFlows(await indexFlows(test.path), flows);
    } catch (error) {
      if (!(error instanceof TineError) || error.code !== "no-results") throw error;
      return new SourceFlows({ flows: new Map(), nodes: new Map(), ends: new Map() }, flows);
    }
  }

  get index(): FlowIndex {
    return this.#index;
  }

  /** The flows that are wanted, in the order in which they began. */
  *flows(): Generator<IndexedFlow, void, void> {
    for (const flow of this.#index.flows.values()) if (this.#wanted(flow.flow)) yield flow;
  }

  /** Whether the flow of an id is wanted. */
  wants(flow: string): boolean {
    return this.#wanted(flow);
  }

  /**
   * The base of relative times of an end, by the clock of the root.
   *
   * @returns nanoseconds since 1970; undefined where the end has not reported
   */
  timeBase(info: FlowInfo | undefined): bigint | undefined {
    return startOf(info, this.#index);
  }

  /**
   * Times of an end, by the clock of the root.
   *
   * @param offsets nanoseconds from the base of the end's times on
   * @returns undefined where the end has sent no description of itself
   */
  times(info: FlowInfo | undefined, offsets: Float64Array): TimeValues | undefined {
    const base = this.timeBase(info);
    if (info === undefined || base === undefined) return undefined;
    const { rate } = this.clockOf(info.nodeId);
    return { type: "time", base, offsets: rate === 1 ? offsets : offsets.map((t) => Math.round(t * rate)) };
  }

  /** The clock of a node; that of the root where nothing is known of it. */
  clockOf(nodeId: string): NodeClock {
    return clockOf(nodeId, this.#index);
  }
}

/** The time of a row, which each table has first. */
export const TIME: Column = {
  name: "time",
  type: "time",
  unit: "ns",
  definition: "Nanoseconds since 1970-01-01 UTC, by the clock of the root node.",
};

/** Whether a row is of the warm-up of its flow. */
export const WARMUP: Column = {
  name: "warmup",
  type: "bool",
  definition: "Whether it is of the flow's warm-up, which is in no figure; absent where the flow has none.",
};

/** Returns the values of {@linkcode WARMUP} for a flow that has one. */
export function warmupValues(count: number, isWarmUp: (i: number) => boolean): Values {
  const values = new Uint8Array(count);
  for (let i = 0; i < count; i++) values[i] = isWarmUp(i) ? 1 : 0;
  return { type: "bool", values };
}

/**
 * Returns the columns of senders and of {@linkcode WARMUP} for rows of packets: those of a warm-up have the index of
 * their sender and as many more as there are senders.
 *
 * @param indices as they are recorded
 */
export function senderValues(
  indices: Float64Array,
  warmUp: FlowWarmUp | undefined,
): { readonly sender: Values; readonly warmup: Values } {
  if (warmUp === undefined) return { sender: { type: "number", values: indices }, warmup: constantValue(undefined) };
  const { senders } = warmUp;
  return {
    sender: { type: "number", values: indices.map((index) => index < senders ? index : index - senders) },
    warmup: warmupValues(indices.length, (i) => indices[i] >= senders),
  };
}

const TAGS = {
  run: "Name of the run's folder.",
  node: "Node that measured it.",
  flow: "Id of the flow.",
  sender: "Index of the sender in the configuration of the client, from 0.",
  direction: "Direction of the data: toServer or fromServer.",
} as const;

/** What stands before a key of the id that would hide another column. */
const ID_PREFIX = "id_";

/**
 * Returns the columns of a table of points that a UDF returned for the rows of another table: its time, and what
 * identifies the test, under the names that the rows had.
 *
 * @param returned names of the tags of the points
 */
export function returnedColumns(source: TableSource, returned: ReadonlySet<string>): Column[] {
  const renamed = source.idKeys.filter((key) => returned.has(ID_PREFIX + key));
  return columnsOf(source, [], [], [...Object.keys(TAGS), ...renamed]);
}

/** A tag that tables share. */
export type TagName = keyof typeof TAGS;

/**
 * Returns the columns of a table: its time, what identifies the test, tags, and the columns of its own.
 *
 * @param tags those of the table, in order
 * @param others names that a key of the id must not hide either
 */
export function columnsOf(
  source: TableSource,
  tags: readonly Exclude<TagName, "run">[],
  own: readonly Column[],
  others: Iterable<string> = [],
): Column[] {
  const shared = (name: TagName): Column => ({
    name,
    type: name === "sender" ? "int" : "text",
    tag: true,
    definition: TAGS[name],
  });
  const columns = [TIME, shared("run"), ...tags.map(shared), ...own];
  const taken = new Set([...columns.map(({ name }) => name), ...others]);
  const keys = source.idKeys.map((key): Column => {
    let name = key;
    // A key such as "flow" must not hide the flow.
    while (taken.has(name)) name = ID_PREFIX + name;
    taken.add(name);
    return { name, type: "text", tag: true, definition: `The test's id: its ${key}.` };
  });
  columns.splice(2, 0, ...keys);
  return columns;
}

/** The values of what identifies the test, for all rows. */
export function testValues({ test, run, idKeys }: TableSource): ConstantValue[] {
  return [run, ...idKeys.map((key) => test.summary.id[key])].map(constantValue);
}

/** One value for all rows. */
export function constantValue(value: ConstantValue["value"]): ConstantValue {
  return { type: "constant", value };
}
