import { formatDuration, formatSize, parseDuration, parseSize } from "../base/units.ts";
import { UsageError } from "./errors.ts";
import { escape } from "./terminal.ts";

/** One flag of a command: everything that parsing, help, completions and error messages need to know of it. */
export interface Flag<T = unknown> {
  /** The placeholder of its value in help and messages, such as `PATH`; undefined for a flag that takes no value. */
  readonly value?: string;
  /** What it does, in one or two lines. */
  readonly help: string;
  /** One letter, for `-o` beside `--out`. */
  readonly short?: string;
  /** It may be given several times, and all values count; of other flags the last one does. */
  readonly repeatable?: boolean;
  /** The words it accepts. */
  readonly choices?: readonly string[];
  /** What stands for its value where it is given without one. */
  readonly bare?: string;
  /** Whether a word behind a flag that can stand without a value is its value; by default one of its choices is. */
  takes?(word: string): boolean;
  /** Words that a shell offers for its value; others are accepted too. */
  readonly words?: readonly string[];
  /** Whether a shell offers files or folders for its value. */
  readonly complete?: "file" | "directory";
  /** It means something only beside one of these flags of the same command. */
  readonly goesWith?: readonly string[];
  /** The heading under which help lists it; undefined for `Flags`. */
  readonly section?: string;
  /** Its value when it is not given, as people would write it. */
  readonly defaultText?: string;

  /**
   * Turns what was given into the flag's value.
   *
   * @param given every value on the command line, in order; empty when the flag is absent
   * @param name the flag as it was declared, such as `--out`, for messages
   * @throws {UsageError} for a value that is not what was expected
   */
  read(given: readonly string[], name: string): T;
}

/** The flags of a command by name; `handlerTimeout` is `--handler-timeout` on the command line. */
export type Flags = Readonly<Record<string, Flag>>;

/** What a command gets for its flags: each one's value, undefined where it is absent and has no default. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** What the constructors of flags with a value have in common. */
export interface ValueOptions<T, D extends T | undefined = undefined> {
  /** What the flag does. */
  help: string;
  /** The placeholder of its value, such as `PATH`. */
  value?: string;
  /** One letter, for `-o` beside `--out`. */
  short?: string;
  /** Words that a shell offers for its value, such as the names of bundled handlers; others are accepted too. */
  words?: readonly string[];
  /** Whether a shell offers files or folders for its value. */
  complete?: "file" | "directory";
  /** It means something only beside one of these flags of the same command. */
  goesWith?: readonly string[];
  /** The value when the flag is absent. */
  default?: D;
  /** How help writes the default, where plain digits would be hard to read: `10s`, `64MiB`. */
  defaultText?: string;
}

/**
 * Returns flags with a heading of their own in help.
 *
 * @example
 * ```ts
 * import { flag, section } from "./flags.ts";
 * const flags = section("Modules", { trust: flag({ help: "let the module do all that tine itself may do" }) });
 * console.assert(flags.trust.section === "Modules");
 * ```
 */
export function section<F extends Flags>(heading: string, flags: F): F {
  return Object.fromEntries(Object.entries(flags).map(([key, flag]) => [key, { ...flag, section: heading }])) as F;
}

/** The range of a number, of milliseconds or of bytes. */
export interface Range {
  /** The smallest value accepted. */
  min?: number;
  /** The largest value accepted. */
  max?: number;
}

/**
 * A switch: `--json`. False when absent.
 *
 * @example
 * ```ts
 * import { flag } from "./flags.ts";
 * const flags = { json: flag({ help: "print JSON lines" }) };
 * ```
 */
export function flag(options: { help: string; short?: string; goesWith?: readonly string[] }): Flag<boolean> {
  return { ...options, read: (given) => given.length > 0 };
}

/**
 * Any text: `--socket PATH`.
 *
 * @example
 * ```ts
 * import { text } from "./flags.ts";
 * const flags = { socket: text({ value: "PATH", complete: "file", help: "listen on a Unix socket" }) };
 * ```
 */
export function text<D extends string | undefined = undefined>(options: ValueOptions<string, D>): Flag<string | D> {
  return single(options, { value: "TEXT", expected: "text", parse: (text) => text });
}

/**
 * Text that may be given several times: `--set A=1 --set B=2`. Empty when absent.
 *
 * @example
 * ```ts
 * import { list } from "./flags.ts";
 * const flags = { set: list({ value: "NAME=VALUE", help: "set an option of the handler" }) };
 * ```
 */
export function list(options: Omit<ValueOptions<string>, "default" | "defaultText">): Flag<string[]> {
  return { value: "TEXT", ...options, repeatable: true, read: (given) => [...given] };
}

/**
 * One of a few words: `--format csv`.
 *
 * @param options `bare`: the value of the flag when no word follows it. The next argument is its value only if it is one
 * of the words.
 *
 * @example
 * ```ts
 * import { choice } from "./flags.ts";
 * const flags = { format: choice(["csv", "json"], { default: "csv", help: "how the input is written" }) };
 * ```
 */
export function choice<const C extends string>(
  choices: readonly C[],
  options: ValueOptions<NoInfer<C>, NoInfer<C>> & { default: NoInfer<C> },
): Flag<C>;
export function choice<const C extends string>(
  choices: readonly C[],
  options: ValueOptions<NoInfer<C>> & { bare?: NoInfer<C> },
): Flag<C | undefined>;
export function choice<const C extends string>(
  choices: readonly C[],
  options: ValueOptions<C, C | undefined> & { bare?: C },
): Flag<C | undefined> {
  const parse = (text: string) => choices.find((choice) => choice === text);
  const syntax = { value: choices.join("|"), expected: oneOf(choices), parse };
  return { ...single(options, syntax), choices, bare: options.bare };
}

/**
 * A whole number: `--workers 4`.
 *
 * @example
 * ```ts
 * import { integer } from "./flags.ts";
 * const flags = { workers: integer({ min: 1, max: 64, default: 1, help: "how many threads run handlers" }) };
 * ```
 */
export function integer<D extends number | undefined = undefined>(
  options: ValueOptions<number, D> & Range,
): Flag<number | D> {
  const { min = -Number.MAX_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options;
  const parse = (text: string) => /^[+-]?\d+$/.test(text) ? within(Number(text), { min, max }) : undefined;
  return single(options, { value: "N", expected: `a whole number${rangeText(options)}`, parse });
}

/**
 * A number, with or without decimals: `--rate 0.5`.
 *
 * @example
 * ```ts
 * import { number } from "./flags.ts";
 * const flags = { speed: number({ min: 0, default: 1, help: "how fast to replay, as a factor" }) };
 * ```
 */
export function number<D extends number | undefined = undefined>(
  options: ValueOptions<number, D> & Range,
): Flag<number | D> {
  const parse = (text: string) =>
    /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? within(Number(text), options) : undefined;
  return single(options, { value: "X", expected: `a number${rangeText(options)}`, parse });
}

/**
 * A duration with its unit, in milliseconds: `--timeout 1m30s` is 90000.
 *
 * Zero is refused unless `zero` says what it means, whatever the range; help shows that.
 *
 * @param options `bare`: the value where the flag is given without one. The next argument is its value only if it begins
 * as a number does.
 *
 * @example
 * ```ts
 * import { duration } from "./flags.ts";
 * const flags = { keepalive: duration({ default: 10_000, zero: "never", help: "send keepalives this often" }) };
 * ```
 */
export function duration<D extends number | undefined = undefined>(
  options: ValueOptions<number, D> & Range & { zero?: string; bare?: number },
): Flag<number | D> {
  const { zero, min, max, bare, ...rest } = options;
  const parse = (text: string) => {
    const ms = parseDuration(text, { longest: Infinity });
    if (ms === 0) return zero === undefined ? undefined : ms;
    return ms === undefined ? undefined : within(ms, { min, max });
  };
  const range = rangeText({ min, max }, formatDuration) || (zero === undefined ? ", more than zero" : "");
  const expected = `a duration such as 500ms, 10s or 1m30s${range}${zero === undefined ? "" : `, or 0: ${zero}`}`;
  const help = zero === undefined ? rest.help : `${rest.help} (0: ${zero})`;
  const defaultText = rest.default === undefined ? undefined : formatDuration(rest.default);
  const remedy = (text: string) =>
    /^\d+(\.\d+)?$/.test(text) && Number(text) > 0 ? `; a unit is missing: "${text}s"?` : "";
  const optional = bare === undefined ? {} : { bare: formatDuration(bare), takes: beginsANumber };
  return { ...single({ defaultText, ...rest, help }, { value: "DURATION", expected, parse, remedy }), ...optional };
}

/**
 * An amount of bytes: `--max-frame 64MiB` is 67108864; a bare number is bytes.
 *
 * @example
 * ```ts
 * import { size } from "./flags.ts";
 * const flags = { maxFrame: size({ default: 64 * 2 ** 20, help: "the largest frame accepted" }) };
 * ```
 */
export function size<D extends number | undefined = undefined>(
  options: ValueOptions<number, D> & Range,
): Flag<number | D> {
  const parse = (text: string) => {
    const bytes = parseSize(/^\d+$/.test(text) ? `${text}B` : text);
    return bytes === undefined ? undefined : within(bytes, options);
  };
  const defaultText = options.default === undefined ? undefined : formatSize(options.default);
  const range = rangeText(options, formatSize);
  return single({ defaultText, ...options }, {
    value: "SIZE",
    expected: `a size such as 512KiB, 64MiB or a number of bytes${range}`,
    parse,
  });
}

/** How the value of a flag is written and read. */
interface ValueSyntax<T> {
  value: string;
  expected: string;
  /** The value of a text, or undefined for a text that is not one. */
  parse(text: string): T | undefined;
  /** Completes the message about such a text, if it shows a usual slip; begins with "; ". */
  remedy?(text: string): string;
}

/** A flag with one value: the last one given counts. */
function single<T, D extends T | undefined>(options: ValueOptions<T, D>, syntax: ValueSyntax<T>): Flag<T | D> {
  const { help, short, words, complete, goesWith, default: absent } = options;
  const value = options.value ?? syntax.value;
  const defaultText = options.defaultText ?? (absent === undefined ? undefined : String(absent));
  return {
    value,
    help,
    short,
    words,
    complete,
    goesWith,
    defaultText,
    read(given, name) {
      const text = given.at(-1);
      if (text === undefined) return absent as D;
      const parsed = syntax.parse(text);
      if (parsed === undefined) {
        throw new UsageError(
          `${name} ${value}: expected ${syntax.expected}, not "${escape(text)}"${syntax.remedy?.(text) ?? ""}`,
        );
      }
      return parsed;
    },
  };
}

function beginsANumber(word: string): boolean {
  return /^[+-]?[\d.]/.test(word);
}

function within(value: number, { min = -Infinity, max = Infinity }: Range): number | undefined {
  return Number.isFinite(value) && value >= min && value <= max ? value : undefined;
}

function rangeText({ min, max }: Range, write: (n: number) => string = String): string {
  if (min !== undefined && max !== undefined) return ` from ${write(min)} to ${write(max)}`;
  if (min !== undefined) return `, at least ${write(min)}`;
  return max === undefined ? "" : `, at most ${write(max)}`;
}

/** `csv or json`, `a, b or c`. */
function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/**
 * How a declared flag is written on the command line.
 *
 * @example
 * ```ts
 * import { flagName } from "./flags.ts";
 * console.assert(flagName("handlerTimeout") === "--handler-timeout");
 * ```
 */
export function flagName(key: string): string {
  return "--" + key.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}
