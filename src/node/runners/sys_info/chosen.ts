import { messageOf, TineError } from "../../../base/errors.ts";
import { splitCommand } from "../../../base/shell_words.ts";
import { glob, isGlob } from "../../../base/glob.ts";
import { capture } from "./capture.ts";
import { findFiles } from "./find_files.ts";
import { maskVariable } from "./mask.ts";
import { readText } from "./read_text.ts";
import { forEachAtOnce, type Section, type Survey } from "./survey.ts";

const MOST_FILES = 10_000;
const MOST_ENTRIES = 1_000_000;
const COMMANDS_AT_ONCE = 4;
const FILES_AT_ONCE = 8;

const NO_ROOM = "is left out, since there is too much already";

/** The output of commands. One that fails is noted, with what it printed. */
export async function describeCommands(commands: readonly string[], survey: Survey): Promise<Section> {
  const outputs = new Map(commands.map((command) => [command, ""]));
  await forEachAtOnce(outputs.keys().toArray(), COMMANDS_AT_ONCE, async (command) => {
    const [program, ...args] = splitCommand(command) ?? [];
    if (program === undefined) return survey.note(command, "has no words, or a quote that does not end");
    if (survey.room === 0) return survey.note(command, NO_ROOM);
    try {
      const { text, leftOut, end, lastError } = await capture(program, args, survey.room, survey.context);
      outputs.set(command, survey.keep(command, text, leftOut));
      if (!end.success) survey.note(command, end.how + (lastError === undefined ? "" : `: ${lastError}`));
    } catch (error) {
      survey.context.signal.throwIfAborted();
      if (!(error instanceof TineError)) throw error;
      survey.note(command, error.message);
    }
  });
  return Object.fromEntries([...outputs].filter(([, text]) => text !== ""));
}

/** The content of files; what is no regular file, or cannot be read, is noted. */
export async function describeFiles(patterns: readonly string[], survey: Survey): Promise<Section> {
  const paths = new Set<string>();
  for (const pattern of patterns) {
    survey.context.signal.throwIfAborted();
    // A file may be called like a pattern.
    const found = await findFiles(pattern, MOST_ENTRIES);
    if (found.paths.length === 0) survey.note(pattern, isGlob(pattern) ? "matches no file" : "is no file");
    if (!found.whole) survey.note(pattern, `only the first ${MOST_ENTRIES} entries of folders were looked at`);
    for (const path of found.paths) paths.add(path);
  }
  const chosen = [...paths].slice(0, MOST_FILES);
  if (paths.size > MOST_FILES) survey.note("files", `only the first ${MOST_FILES} of ${paths.size} are read`);
  return await readAll(chosen, survey, (path) => path);
}

/** Variables of the environment, in order; secrets are masked. */
export function describeVariables(patterns: readonly string[], survey: Survey): Promise<Section> {
  const matchers = patterns.map((pattern) => glob(pattern, { separator: "" }));
  const chosen = Object.entries(Deno.env.toObject()).filter(([name]) => matchers.some((matches) => matches(name)))
    .sort(([a], [b]) => a < b ? -1 : 1);
  const values = chosen.map(([name, value]) => [name, survey.keep(name, maskVariable(name, value))]);
  return Promise.resolve(Object.fromEntries(values));
}

/**
 * Kernel settings. In their names, a dot stands between parts, and a slash for a dot of a part (as of the interface
 * eth0.1), as for sysctl(8).
 */
export async function describeSettings(patterns: readonly string[], survey: Survey): Promise<Section> {
  const paths = new Set<string>();
  for (const pattern of patterns) {
    survey.context.signal.throwIfAborted();
    const matches = glob(pattern, { separator: "" });
    // Only what is below the part that is no pattern need be looked at.
    const [fixed] = pattern.match(/^(?:[^.*?[\\]+\.)*/)!;
    const { paths: below, whole } = isGlob(pattern)
      ? await findFiles(`${SETTINGS}${swapDots(fixed)}**`, MOST_ENTRIES)
      : await findFiles(SETTINGS + swapDots(pattern), MOST_ENTRIES);
    const found = below.filter((path) => !isGlob(pattern) || matches(settingOf(path)));
    if (found.length === 0) survey.note(pattern, "matches no kernel setting");
    if (!whole) survey.note(pattern, `only the first ${MOST_ENTRIES} settings were looked at`);
    for (const path of found) paths.add(path);
  }
  return await readAll([...paths], survey, settingOf, (name, value) => {
    return SECRET_SETTING.test(name) ? "(masked)" : value.trim();
  });
}

const SETTINGS = "/proc/sys/";
const SECRET_SETTING = /(?:_key|secret)$/;

function settingOf(path: string): string {
  return swapDots(path.slice(SETTINGS.length));
}

function swapDots(name: string): string {
  return name.replace(/[./]/g, (character) => character === "." ? "/" : ".");
}

/** Reads files; the values have the order of the paths. */
async function readAll(
  paths: readonly string[],
  survey: Survey,
  nameOf: (path: string) => string,
  show = (_name: string, text: string) => text,
): Promise<Section> {
  const values = new Map<string, string | undefined>(paths.map((path) => [nameOf(path), undefined]));
  await forEachAtOnce(paths, FILES_AT_ONCE, async (path) => {
    const name = nameOf(path);
    if (survey.room === 0) return survey.note(name, NO_ROOM);
    try {
      const { text, leftOut } = await readText(path, survey.room, survey.context.signal);
      values.set(name, survey.keep(name, show(name, text), leftOut));
    } catch (error) {
      survey.context.signal.throwIfAborted();
      survey.note(name, `cannot be read: ${messageOf(error)}`);
    }
  });
  return Object.fromEntries(values);
}
