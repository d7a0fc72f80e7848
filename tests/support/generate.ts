/**
 * Generated messages of the UDF protocol: every kind, every member, extremes included.
 *
 * @module
 */

import {
  type BeginBatch,
  type EdgeType,
  type EndBatch,
  type OptionValue,
  type Outcome,
  type Request,
  type Response,
  VALUE_TYPES,
  type ValueType,
} from "../../src/udf/messages.ts";
import { Point, type PointInit } from "../../src/udf/point.ts";
import type { Random } from "./random.ts";

/** All kinds of a Request. */
export const REQUEST_KINDS: readonly Request["kind"][] = [
  "info",
  "init",
  "keepalive",
  "snapshot",
  "restore",
  "begin",
  "point",
  "end",
  "empty",
];

/** All kinds of a Response. */
export const RESPONSE_KINDS: readonly Response["kind"][] = [
  "info",
  "init",
  "keepalive",
  "snapshot",
  "restore",
  "error",
  "begin",
  "point",
  "end",
  "empty",
];

/** Makes messages out of pseudo-random numbers. */
export class Generator {
  /**
   * @param random where the numbers come from
   * @param protoKeys whether maps may have the key `__proto__`, which protobufjs loses
   */
  constructor(readonly random: Random, readonly protoKeys = true) {}

  /** A Request, of this kind or any. */
  request(kind: Request["kind"] = this.random.pick(REQUEST_KINDS)): Request {
    switch (kind) {
      case "init":
        return {
          kind,
          init: { options: this.#list(4, () => this.#option()), taskId: this.#text(), nodeId: this.#text() },
        };
      case "keepalive":
        return { kind, time: this.random.int64() };
      case "restore":
        return { kind, snapshot: this.#snapshot() };
      case "begin":
        return { kind, begin: this.begin() };
      case "point":
        return { kind, point: new Point(this.point()) };
      case "end":
        return { kind, end: this.end() };
      default:
        return { kind };
    }
  }

  /** A Response, of this kind or any. */
  response(kind: Response["kind"] = this.random.pick(RESPONSE_KINDS)): Response {
    switch (kind) {
      case "info":
        return {
          kind,
          info: {
            wants: this.#edge(),
            provides: this.#edge(),
            options: this.#map(4, () => this.#list(4, (): ValueType => this.random.pick(VALUE_TYPES))),
          },
        };
      case "init":
      case "restore":
        return { kind, outcome: this.#outcome() };
      case "keepalive":
        return { kind, time: this.random.int64() };
      case "snapshot":
        return { kind, snapshot: this.#snapshot() };
      case "error":
        return { kind, error: this.#text() };
      case "begin":
        return { kind, begin: this.begin() };
      case "point":
        return { kind, point: new Point(this.point()) };
      case "end":
        return { kind, end: this.end() };
      case "empty":
        return { kind };
    }
  }

  /** The content of a Point; every part may be empty. */
  point(): Required<PointInit> {
    return {
      time: this.random.int64(),
      name: this.#text(),
      database: this.#text(),
      retentionPolicy: this.#text(),
      group: this.#text(),
      dimensions: this.#list(3, () => this.#text()),
      tags: this.tags(),
      fieldsDouble: this.#map(4, () => this.random.double()),
      fieldsInt: this.#map(3, () => this.random.int64()),
      fieldsString: this.#map(3, () => this.#text()),
      byName: this.random.oneIn(2),
      fieldsBool: this.#map(3, () => this.random.oneIn(2)),
    };
  }

  /** The head of a batch. */
  begin(): BeginBatch {
    return {
      name: this.#text(),
      group: this.#text(),
      tags: this.tags(),
      size: this.random.int64(),
      byName: this.random.oneIn(2),
    };
  }

  /** The end of a batch. */
  end(): EndBatch {
    return {
      name: this.#text(),
      group: this.#text(),
      tmax: this.random.int64(),
      tags: this.tags(),
      byName: this.random.oneIn(2),
    };
  }

  /** Tags with odd keys among them. */
  tags(): Map<string, string> {
    return this.#map(4, () => this.#text());
  }

  #text(): string {
    return this.random.string();
  }

  #key(): string {
    return this.protoKeys && this.random.oneIn(8) ? "__proto__" : this.random.string();
  }

  #list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.random.below(most + 1) }, make);
  }

  #map<T>(most: number, make: () => T): Map<string, T> {
    return new Map(this.#list(most, () => [this.#key(), make()]));
  }

  #edge(): EdgeType {
    return this.random.oneIn(2) ? "stream" : "batch";
  }

  #snapshot(): Uint8Array {
    return this.random.bytes(this.random.pick([0, 1, 127, 128, 500, 70_000]));
  }

  #outcome(): Outcome {
    return { success: this.random.oneIn(2), error: this.#text() };
  }

  #option(): { name: string; values: OptionValue[] } {
    return { name: this.#text(), values: this.#list(4, () => this.#optionValue()) };
  }

  #optionValue(): OptionValue {
    const type = this.random.pick(VALUE_TYPES);
    switch (type) {
      case "bool":
        return { type, value: this.random.oneIn(2) };
      case "double":
        return { type, value: this.random.double() };
      case "string":
        return { type, value: this.#text() };
      default:
        return { type, value: this.random.int64() };
    }
  }
}
