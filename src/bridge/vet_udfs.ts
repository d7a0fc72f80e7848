import { messageOf, TineError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { at, type Place, placeText } from "../node/plan/place.ts";
import type { Plan, Test, UdfConfig } from "../node/plan/types.ts";
import { Watchdog } from "../node/process/watchdog.ts";
import { errorAt, type Finding, warningAt } from "../node/plan/vet/finding.ts";
import { flowsOf } from "../result/gates/mod.ts";
import { tableNamed, TABLES } from "../result/tables/mod.ts";
import { wantedFlows } from "../result/tables/source.ts";
import type { Column } from "../result/tables/table.ts";
import { BUNDLED_HANDLERS, isModulePath } from "../udf/handlers/mod.ts";
import { Host } from "../udf/host.ts";
import type { InfoResponse, Option } from "../udf/messages.ts";
import { startModule } from "../udf/module/module_runner.ts";
import { checkProgram } from "../udf/udf_process.ts";
import { reachPlanUdf, unknownHandler } from "./reach_udf.ts";
import { udfOptions } from "../udf/option_values.ts";

/** A UDF that does not answer within this is not asked any more, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** UDFs that are asked side by side. */
const AT_ONCE = 4;

/** A UDF of a plan, with its place and the keys of the ids of the tests that have it. */
interface PlacedUdf {
  readonly udf: UdfConfig;
  readonly place: Place;
  readonly idKeys: readonly string[];
  /** The flows that may be in its rows. */
  readonly flows: readonly string[];
}

/** Which UDFs are asked for their options. */
export interface VetUdfsOptions {
  /** Programs as well: each is started for that; otherwise only handlers. */
  readonly commands?: boolean;
}

/**
 * Checks the UDFs of a plan without running it: their tables, groups, handlers and, asked of the UDF itself where it is
 * not behind a socket, their options.
 *
 * @param plan a validated plan
 * @returns what is wrong, by place
 *
 * @example
 * ```ts
 * import { parsePlan } from "../node/plan/parse.ts";
 * import { vetUdfs } from "./vet_udfs.ts";
 * const plan = await parsePlan("udfs: [{ name: a, table: round_trip, handler: mirror }]\ntests: [{ id: { name: b } }]");
 * const [{ message }] = await vetUdfs(plan);
 * console.assert(message.endsWith("did you mean round_trips?"));
 * ```
 */
export async function vetUdfs(plan: Plan, { commands = false }: VetUdfsOptions = {}): Promise<Finding[]> {
  const placed = placedUdfs(plan);
  const findings = placed.map((udf) => [...checkPlaced(udf), ...checkFlows(udf)]);
  const next = placed.keys();
  await using watchdog = new Watchdog();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const i of next) {
      const { udf: { command, socket, connect } } = placed[i];
      const isAsked = socket === undefined && connect === undefined && (command === undefined || commands);
      if (isAsked && !findings[i].some(isError)) findings[i].push(...await ask(placed[i], watchdog));
    }
  }));
  return findings.flat();
}

function isError({ severity }: Finding): boolean {
  return severity === "error";
}

/** Those of the plan once, and the own ones of each test that is written. */
function placedUdfs({ udfs = [], tests, written }: Plan): PlacedUdf[] {
  const idKeys = [...new Set(tests.flatMap(({ id }) => Object.keys(id)))];
  const flowsIn = (test: Test) => flowsOf(test).map(({ flow }) => flow);
  const flows = tests.flatMap(flowsIn);
  const shared = udfs.map((udf, i) => ({ udf, place: at(undefined, "udfs", i)!, idKeys, flows }));
  const own = tests.flatMap(({ id, udfs: all = [] }: Test, i) =>
    all.slice(udfs.length).map((udf, j) => ({
      udf,
      place: at(written?.get(tests[i]) ?? at(undefined, "tests", i), "udfs", j)!,
      idKeys: Object.keys(id),
      flows: flowsIn(tests[i]),
    }))
  );
  // Tests of a matrix and repeats are written once.
  const all = [...shared, ...own].map((placed): [string, PlacedUdf] => {
    return [`${placeText(placed.place)} ${JSON.stringify(placed.udf)}`, placed];
  });
  return [...new Map(all).values()];
}

/** A pattern that no flow matches is a slip; runners of a program may have flows that nothing is known of. */
function checkFlows({ udf, place, flows }: PlacedUdf): Finding[] {
  const pattern = udf.flows;
  const wanted = wantedFlows(pattern);
  if (pattern === undefined || wanted === undefined || flows.length === 0 || flows.some(wanted)) return [];
  const near = nearest(pattern, flows);
  const hint = near === undefined ? `flows are ${[...new Set(flows)].join(", ")}` : `did you mean ${near}?`;
  return [warningAt(at(place, "flows"), "no-such-flow", `no flow matches ${pattern}: ${hint}`)];
}

function checkPlaced({ udf, place, idKeys }: PlacedUdf): Finding[] {
  const { table, groupBy = [], handler, command, options = {}, batchWindow } = udf;
  const findings: Finding[] = [];
  if (!FOLLOWED.has(table)) {
    const near = nearest(table, FOLLOWED.keys());
    const hint = near === undefined ? `expected one of ${[...FOLLOWED.keys()].join(", ")}` : `did you mean ${near}?`;
    return [errorAt(at(place, "table"), "unknown-table", `there is no table "${table}" for UDFs: ${hint}`)];
  }
  const { columns } = tableNamed(table)({ test: { path: "", summary: { id: {} } }, idKeys });
  const tags = columns.filter(({ tag }) => tag).map(({ name }) => name);
  for (const [i, name] of groupBy.entries()) {
    if (name === "*" || tags.includes(name)) continue;
    findings.push(errorAt(at(place, "groupBy", i), "unknown-tag", unknown("tag", name, table, tags)));
  }
  if (handler !== undefined && BUNDLED_HANDLERS.includes(handler)) {
    findings.push(...checkFields(options, columns, place, table));
  } else if (handler !== undefined && !isModulePath(handler)) {
    findings.push(errorAt(at(place, "handler"), "unknown-handler", unknownHandler(handler).message));
  }
  if (command !== undefined) {
    try {
      checkProgram(command[0]);
    } catch (error) {
      findings.push(errorAt(at(place, "command"), "cannot-start", messageOf(error)));
    }
  }
  if (batchWindow === 0) {
    findings.push(
      errorAt(at(place, "batchWindow"), "bad-window", "a window of 0 holds no points; expected a span such as 1s"),
    );
  }
  return findings;
}

/** Tables whose rows UDFs can get: those whose rows come while a test runs. */
const FOLLOWED: ReadonlySet<string> = new Set(
  TABLES.keys().filter((name) => {
    const { live } = tableNamed(name)({ test: { path: "", summary: { id: {} } }, idKeys: [] });
    return live !== undefined && live.of !== "flow";
  }),
);

/** Options of handlers that come with tine which name a field of the points. */
const FIELD_OPTIONS: ReadonlySet<string> = new Set(["field", "left", "right"]);

/** The fields that options name are those of the table. */
function checkFields(
  options: NonNullable<UdfConfig["options"]>,
  columns: readonly Column[],
  place: Place,
  table: string,
): Finding[] {
  const fields = columns.slice(1).filter(({ tag }) => !tag).map(({ name }) => name);
  return Object.entries(options).flatMap(([name, value]) => {
    if (!FIELD_OPTIONS.has(name) || typeof value !== "string" || fields.includes(value)) return [];
    return [errorAt(at(place, "options", name), "unknown-field", unknown("field", value, table, fields))];
  });
}

function unknown(what: string, name: string, table: string, known: readonly string[]): string {
  const near = nearest(name, known);
  const hint = near === undefined ? `it has ${known.join(", ")}` : `did you mean ${near}?`;
  return `the table ${table} has no ${what} "${name}": ${hint}`;
}

/** Asks a UDF what it takes. */
async function ask({ udf, place }: PlacedUdf, watchdog: Watchdog): Promise<Finding[]> {
  const where = at(place, "options");
  if (udf.command !== undefined && !await mayRun(udf.command[0])) {
    return [warningAt(where, "not-asked", "the UDF was not asked for its options: programs may not be run here")];
  }
  let host: Host | undefined;
  try {
    const { handler } = udf;
    // This process ends soon, and a module that loops with it.
    const reached = handler !== undefined && isModulePath(handler)
      ? await startModule(handler, { log() {}, handlerTimeoutMs: TIMEOUT_MS })
      : await reachPlanUdf(udf, { log() {}, retryMs: 0, watchdog });
    host = new Host(reached, { point() {}, batch() {} }, { timeoutMs: TIMEOUT_MS });
    const info = await host.info();
    const findings = checkWindow(udf, info, place);
    let options: Option[];
    try {
      options = udfOptions(udf.options, info);
    } catch (error) {
      return [...findings, errorAt(where, "bad-option", messageOf(error))];
    }
    // A program may do anything in its init, a handler in its sandbox next to nothing.
    if (udf.handler === undefined) return findings;
    try {
      await host.init(options);
    } catch (error) {
      if (!(error instanceof TineError) || error.code !== "init-failed") throw error;
      findings.push(errorAt(where, "bad-option", error.message));
    }
    return findings;
  } catch (error) {
    const code = error instanceof TineError ? error.code : "internal";
    if (code === "no-module") return [errorAt(at(place, "handler"), code, messageOf(error))];
    // Whatever the machine is like, a module that cannot be loaded will not be in the test either.
    if (code === "udf-error" && udf.handler !== undefined) {
      return [errorAt(at(place, "handler"), "bad-handler", messageOf(error))];
    }
    return [warningAt(place, "not-answered", `the UDF did not answer with its options: ${messageOf(error)}`)];
  } finally {
    host?.abort(new TineError("asked", "it was asked what it takes"));
    host?.kill();
    await host?.stop().catch(() => {}); // it was ended by force
  }
}

function checkWindow({ batchWindow }: UdfConfig, { wants }: InfoResponse, place: Place): Finding[] {
  if (batchWindow === undefined || wants === "batch") return [];
  const message = "has no effect: the UDF wants single points, not batches";
  return [warningAt(at(place, "batchWindow"), "no-batches", message)];
}

async function mayRun(command: string): Promise<boolean> {
  return (await Deno.permissions.query({ name: "run", command })).state === "granted";
}
