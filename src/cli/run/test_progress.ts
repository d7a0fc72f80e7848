import type { Activity, ErrorItem, Item, LogEntry } from "../../node/item.ts";
import type { TestStart } from "./display.ts";
import { FlowTracker } from "./flow_tracker.ts";

/** A test has fewer nodes than that; a node that goes mad makes up more. */
const MAX_NODES = 10_000;

/** What a node does just now. */
export type NodeActivity = Pick<Activity, "running" | "more" | "ended">;

const NOTHING: NodeActivity = { running: [], more: 0, ended: 0 };

/** What is known of the running test. */
export class TestProgress {
  /** What its nodes do, by their ids, in the order in which they were first heard of. */
  readonly nodes = new Map<string, NodeActivity>();
  readonly flows = new FlowTracker();
  /** The last entry of a log. */
  log: LogEntry | undefined;
  /** The first error: those that follow come from it. */
  error: ErrorItem | undefined;

  /**
   * @param test the test
   * @param startedMs when it started, by the clock of `performance.now()`
   */
  constructor(readonly test: TestStart, readonly startedMs: number) {}

  /** Takes in a result. */
  take(item: Item): void {
    switch (item.type) {
      case "nodeInfo":
        return this.#set(item.nodeId, this.nodes.get(item.nodeId) ?? NOTHING);
      case "activity":
        return this.#set(item.nodeId, item);
      case "progress":
        this.flows.take(item);
        return;
      case "log":
        this.log = item;
        return;
      case "error":
        this.error ??= item;
    }
  }

  #set(nodeId: string, activity: NodeActivity): void {
    if (this.nodes.size < MAX_NODES || this.nodes.has(nodeId)) this.nodes.set(nodeId, activity);
  }
}
