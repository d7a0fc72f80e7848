import { readJsonText } from "../regular_file.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { boolean, count, exactly, list, map, number, oneOf, optional, passes, text } from "../../base/shape.ts";
import { FIGURES_VERSION } from "../../flow/analysis/mod.ts";
import { LATEST } from "../names.ts";
import { RUN_FILE, TEST_FILE } from "../summary.ts";
import { whyNotWritten } from "../store_error.ts";
import { exists, makeFolder, type Owner, replaceJson } from "../owner.ts";
import {
  type FlowSample,
  readSamples,
  type Repeat,
  type SampleOptions,
  type Samples,
  type TestSamples,
} from "./samples.ts";

/** The folder of stored baselines, in a folder of runs. */
export const BASELINES = "baselines";

const VERSION = 1;
const NAME = /^[A-Za-z0-9][\w.+-]{0,99}$/;

/** `baselines/NAME.json`: the figures of all repeats, without their records, so that it may be kept elsewhere too. */
interface StoredBaseline {
  readonly type: "baseline";
  readonly version: number;
  /** The version of the figures. */
  readonly figures: number;
  /** ISO 8601. */
  readonly saved: string;
  readonly samples: Samples;
}

/** Returns whether a baseline can have this name. */
export function isBaselineName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Stores samples as a baseline, in place of one of this name.
 *
 * @param out the folder of runs, such as `results`
 * @param name such as `main`
 * @returns its file
 * @throws {TineError} `bad-name`; `no-samples`, where no test has succeeded; `cannot-write`
 */
export async function saveBaseline(out: string, name: string, samples: Samples, owner?: Owner): Promise<string> {
  if (!isBaselineName(name)) {
    throw new TineError("bad-name", `expected a name of letters, digits, _, ., + and -, not ${JSON.stringify(name)}`);
  }
  if (!samples.tests.some(({ repeats }) => repeats.some(({ flows }) => flows.length > 0))) {
    throw new TineError("no-samples", `${samples.name} has no figures of a test that succeeded`);
  }
  const stored: StoredBaseline = {
    type: "baseline",
    version: VERSION,
    figures: FIGURES_VERSION,
    saved: new Date().toISOString(),
    samples,
  };
  const folder = `${out}/${BASELINES}`;
  const path = `${folder}/${name}.json`;
  try {
    if (!await exists(folder)) await makeFolder(folder, owner);
    await replaceJson(path, stored, owner);
  } catch (error) {
    if (error instanceof TineError) throw error;
    throw new TineError("cannot-write", `cannot write ${path}: ${whyNotWritten(error)}`, { cause: error });
  }
  return path;
}

/**
 * Reads a side of a comparison: results, a stored baseline, or the name of one in the folder of runs.
 *
 * @param path of results or of a baseline's file, or a name
 * @param out where baselines are looked for by their names
 * @throws {TineError} `no-results`, with the names of baselines; `bad-baseline`; and what reading results throws
 */
export async function readSide(path: string, options: SampleOptions & { out?: string } = {}): Promise<Samples> {
  const { out = "results", wanted = () => true } = options;
  const file = await baselineFile(path, out);
  if (file === undefined) return await readSamples(path, options);
  const samples = await readBaseline(file);
  return { ...samples, name: path, tests: samples.tests.filter(({ id }) => wanted(id)) };
}

/**
 * Returns the folder of runs that results are in, where their baselines are: that above a run, or above the run of a
 * test. It is `results` where there are no results.
 */
export async function runsFolderOf(path: string): Promise<string> {
  let folder: string;
  try {
    folder = await Deno.realPath(path);
  } catch {
    return path.split("/").includes(LATEST)
      ? path.slice(0, path.lastIndexOf(LATEST)).replace(/\/$/, "") || "."
      : "results";
  }
  const above = (folder: string) => folder.slice(0, folder.lastIndexOf("/")) || "/";
  if (await exists(`${folder}/${TEST_FILE}`)) return above(above(folder));
  return await exists(`${folder}/${RUN_FILE}`) ? above(folder) : folder;
}

/** The file of a baseline; undefined where the path is one of results. */
async function baselineFile(path: string, out: string): Promise<string | undefined> {
  try {
    return (await Deno.stat(path)).isFile ? path : undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) || path.includes("/")) return undefined;
  }
  const file = `${out}/${BASELINES}/${path}.json`;
  if (await exists(file)) return file;
  const names = await baselinesIn(out);
  const near = nearest(path, names);
  const hint = names.length === 0
    ? `${out}/${BASELINES} has none`
    : near === undefined
    ? `baselines are ${names.join(", ")}`
    : `did you mean the baseline ${near}?`;
  throw new TineError("no-results", `there are no results in ${path}, and it is no baseline: ${hint}`);
}

async function baselinesIn(out: string): Promise<string[]> {
  try {
    const names = await Array.fromAsync(Deno.readDir(`${out}/${BASELINES}`), ({ name }) => name);
    return names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length)).sort();
  } catch {
    return []; // there is no such folder
  }
}

async function readBaseline(path: string): Promise<Samples> {
  let stored: Partial<StoredBaseline>;
  try {
    stored = JSON.parse(await readJsonText(path));
  } catch (error) {
    throw new TineError("bad-baseline", `cannot read the baseline ${path}: ${messageOf(error)}`, { cause: error });
  }
  const { type, version, figures, samples } = stored ?? {};
  if (type !== "baseline" || version !== VERSION || samples === undefined || !passes(SAMPLES, samples)) {
    throw new TineError("bad-baseline", `${path} is no baseline of this version of tine: tine gate --save writes one`);
  }
  if (figures !== FIGURES_VERSION) {
    throw new TineError(
      "bad-baseline",
      `${path} has figures of version ${figures}, which differ from those of this tine (${FIGURES_VERSION}): save it anew`,
    );
  }
  return samples;
}

/** Whether a value is what is stored; it may come from another machine. */
const SAMPLES = exactly<Samples>({
  name: text,
  tests: list(exactly<TestSamples>({
    id: map(text),
    failed: count,
    repeats: list(exactly<Repeat>({
      path: text,
      run: optional(text),
      cut: list(exactly<Repeat["cut"][number]>({ flow: text, protocol: oneOf("tcp", "udp", "rr") })),
      flows: list(exactly<FlowSample>({
        flow: text,
        protocol: oneOf("tcp", "udp", "rr"),
        values: map(number),
        limits: list(text),
        sized: boolean,
      })),
    })),
  })),
  conditions: map(list(text)),
});
