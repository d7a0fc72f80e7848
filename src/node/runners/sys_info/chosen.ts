import { messageOf, TineError } from "../../../base/errors.ts";
import { splitCommand } from "../../../base/shell_words.ts";
import { glob, isGlob } from "../../../base/glob.ts";
import { capture, forEachAtOnce, readText, type Section, type Survey } from "./survey.ts";

const MAX_FILES = 10_000;
const MAX_ENTRIES = 1_000_000;
const COMMANDS_AT_ONCE = 4;
const FILES_AT_ONCE = 8;

const NO_ROOM = "is left out, since there is too much already";

/** Returns the output of commands. A failure is noted, and the output kept. */
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

/** Returns the content of files. Notes what is not a regular file, and what cannot be read. */
export async function describeFiles(patterns: readonly string[], survey: Survey): Promise<Section> {
  const paths = new Set<string>();
  for (const pattern of patterns) {
    survey.context.signal.throwIfAborted();
    // A file may be called like a pattern.
    const found = await findFiles(pattern, MAX_ENTRIES);
    if (found.paths.length === 0) survey.note(pattern, isGlob(pattern) ? "matches no file" : "is no file");
    if (!found.whole) survey.note(pattern, `only the first ${MAX_ENTRIES} entries of folders were looked at`);
    for (const path of found.paths) paths.add(path);
  }
  const chosen = [...paths].slice(0, MAX_FILES);
  if (paths.size > MAX_FILES) survey.note("files", `only the first ${MAX_FILES} of ${paths.size} are read`);
  return await readAll(chosen, survey, (path) => path);
}

/** Returns variables of the environment, sorted by name, with secrets masked. */
export function describeVariables(patterns: readonly string[], survey: Survey): Promise<Section> {
  const matchers = patterns.map((pattern) => glob(pattern, { separator: "" }));
  const chosen = Object.entries(Deno.env.toObject()).filter(([name]) => matchers.some((matches) => matches(name)))
    .sort(([a], [b]) => a < b ? -1 : 1);
  const values = chosen.map(([name, value]) => [name, survey.keep(name, maskVariable(name, value))]);
  return Promise.resolve(Object.fromEntries(values));
}

/**
 * Returns kernel settings. As for sysctl(8), a dot in a name separates parts, and a slash stands for a dot within a part,
 * such as that of the interface eth0.1.
 */
export async function describeSettings(patterns: readonly string[], survey: Survey): Promise<Section> {
  const paths = new Set<string>();
  for (const pattern of patterns) {
    survey.context.signal.throwIfAborted();
    const matches = glob(pattern, { separator: "" });
    // Only files below the fixed part of the pattern can match.
    const [fixed] = pattern.match(/^(?:[^.*?[\\]+\.)*/)!;
    const { paths: below, whole } = isGlob(pattern)
      ? await findFiles(`${SETTINGS}${swapDots(fixed)}**`, MAX_ENTRIES)
      : await findFiles(SETTINGS + swapDots(pattern), MAX_ENTRIES);
    const found = below.filter((path) => !isGlob(pattern) || matches(settingOf(path)));
    if (found.length === 0) survey.note(pattern, "matches no kernel setting");
    if (!whole) survey.note(pattern, `only the first ${MAX_ENTRIES} settings were looked at`);
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

const MASKED = "(masked)";

/** Names of variables that may hold secrets: rather too many than too few. */
const SECRET_NAME =
  /KEY|TOKEN|SECRET|PASS|PWD.|.PWD(?<!^OLDPWD)|CRED|AUTH|COOKIE|SESSION|PRIVATE|SIGNATURE|HMAC|SALT|DSN|JWT|OTP/i;

/** user:password@ behind a scheme. Lengths are bounded, here and below, so that long values take no long time. */
const URL_CREDENTIALS = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#]{1,4096}@/gi;

/** password=... in connection strings, query strings and options. */
const SECRET_ASSIGNMENT = new RegExp(
  /((?:key|token|secret|pass|password|passwd|pwd|credentials?|auth|cookie|session|sig|signature)["']?\s{0,9}[=:]\s{0,9})/
    .source + /("[^"]+"|'[^']+'|[^\s;&,"']+)/.source,
  "gi",
);

/** Tokens that are recognized by their form. */
const KNOWN_TOKENS = new RegExp(
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/,
    /\beyJ[\w-]{5,1000}\.[\w-]+(?:\.[\w-]*)*/,
    /\b(?:gh[opsur]|github_pat|glpat|xox[abpors]|sk|pk|rk|npm)[_-][\w-]{10,}/,
    /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
    /\b(?:Bearer|Basic)\s{1,9}[\w+/=.~-]{8,}/,
  ].map(({ source }) => source).join("|"),
  "g",
);

/**
 * Returns the value of a variable as it may be shown: secrets are masked, by the name of the variable or by their form.
 *
 * @example
 * ```ts
 * import { maskVariable } from "./chosen.ts";
 * console.assert(maskVariable("API_KEY", "123") === "(masked)");
 * console.assert(maskVariable("PROXY", "http://me:it@proxy/") === "http://(masked)@proxy/");
 * ```
 */
export function maskVariable(name: string, value: string): string {
  return value !== "" && SECRET_NAME.test(name) ? MASKED : maskText(value);
}

/** Returns a text with secrets masked that are recognized by their form. */
export function maskText(text: string): string {
  return text
    .replace(KNOWN_TOKENS, MASKED)
    .replace(URL_CREDENTIALS, `$1${MASKED}@`)
    .replace(SECRET_ASSIGNMENT, `$1${MASKED}`);
}

/**
 * Finds the files whose paths match a glob pattern, sorted. Skips folders that cannot be read; `**` follows no links.
 *
 * @param pattern absolute, or relative to the working folder
 * @param most the most entries of folders to look at
 * @returns paths; `whole` is false if there were more entries
 *
 * @example
 * ```ts
 * import { findFiles } from "./chosen.ts";
 * const { paths } = await findFiles("/proc/sys/net/ipv4/tcp_*mem", 10_000);
 * ```
 */
export async function findFiles(pattern: string, most: number): Promise<{ paths: string[]; whole: boolean }> {
  const parts = pattern.split("/").filter((part, i) => part !== "" || i === 0);
  const found = new Set<string>();
  let left = most;

  const entriesOf = async (folder: string): Promise<Deno.DirEntry[]> => {
    const entries: Deno.DirEntry[] = [];
    try {
      for await (const entry of Deno.readDir(folder === "" ? "." : folder)) {
        if (left-- <= 0) break;
        entries.push(entry);
      }
    } catch {
      // It is no folder, it went away, or it is not ours.
    }
    return entries;
  };
  const walk = async (base: string, at: number): Promise<void> => {
    if (left <= 0) return;
    if (at === parts.length) {
      if (await isFile(base)) found.add(base);
      return;
    }
    const part = parts[at];
    if (part === "**") {
      await walk(base, at + 1);
      for (const { name, isDirectory } of await entriesOf(base)) {
        if (isDirectory) await walk(join(base, name), at);
        else if (at === parts.length - 1) await walk(join(base, name), at + 1);
      }
    } else if (isGlob(part)) {
      const matches = glob(part);
      for (const { name } of await entriesOf(base)) if (matches(name)) await walk(join(base, name), at + 1);
    } else {
      await walk(at === 0 && part === "" ? "/" : join(base, part), at + 1);
    }
  };
  await walk("", 0);
  return { paths: [...found].sort(), whole: left > 0 };
}

function join(base: string, name: string): string {
  return base === "" || base.endsWith("/") ? base + name : `${base}/${name}`;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
