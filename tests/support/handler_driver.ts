import { assert } from "@std/assert";
import { type CreateHandler, infoResponse } from "../../src/udf/handler.ts";
import type { Request, Response } from "../../src/udf/messages.ts";
import { parseSettings } from "../../src/udf/option_settings.ts";
import type { FieldValue, Point } from "../../src/udf/point.ts";
import type { Output } from "../../src/udf/udf_types.ts";
import { AgentDriver } from "./udf_driver.ts";

/** An output that is never written to. */
const NO_OUTPUT: Output = { point() {}, beginBatch() {}, endBatch() {} };

/** The init of a handler with settings as people write them: `window=10s`. */
export async function initOf(createHandler: CreateHandler, ...settings: string[]): Promise<Request> {
  const handler = await createHandler(NO_OUTPUT);
  const options = parseSettings(settings, infoResponse(await handler.info()));
  return { kind: "init", init: { taskId: "", nodeId: "", options } };
}

/** All responses to requests, up to the end of the agent. */
export async function runHandler(createHandler: CreateHandler, requests: readonly Request[]): Promise<Response[]> {
  const driver = new AgentDriver(createHandler);
  for (let i = 0; i < requests.length; i += 1000) driver.send(...requests.slice(i, i + 1000));
  driver.end();
  const responses = await driver.rest();
  await driver.ended;
  return responses;
}

/** The points among responses. */
export function pointsAmong(responses: readonly Response[]): Point[] {
  return responses.flatMap((response) => response.kind === "point" ? [response.point] : []);
}

/** The fields of points, as objects. */
export function fieldsAmong(responses: readonly Response[]): Record<string, FieldValue>[] {
  return pointsAmong(responses).map((point) => Object.fromEntries(point.fields()));
}

/** The snapshot that comes last. */
export function snapshotAmong(responses: readonly Response[]): Uint8Array {
  const last = responses.at(-1);
  assert(last?.kind === "snapshot", `the last response is ${last?.kind}`);
  return last.snapshot;
}

/** What is written to stderr while something runs. */
export async function stderrOf<T>(work: () => Promise<T>): Promise<{ lines: string[]; result: T }> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line) => lines.push(line);
  try {
    return { result: await work(), lines };
  } finally {
    console.error = error;
  }
}
