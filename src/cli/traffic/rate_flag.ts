import { parseRate, type Rate } from "../../base/rate.ts";
import { UsageError } from "../errors.ts";
import type { Flag } from "../flags.ts";
import { escape } from "../terminal.ts";

/** How a rate is declared. */
export interface RateOptions {
  readonly help: string;
  /** What to write, for help and messages. */
  readonly example: string;
  /** Packets per second and `max` are rates as well. */
  readonly packets: boolean;
}

/** A rate such as `10Mbps`: `--rate RATE`. */
export function rate({ help, example, packets }: RateOptions): Flag<Rate | undefined> {
  return {
    value: "RATE",
    help,
    read(given, name) {
      const text = given.at(-1);
      if (text === undefined) return undefined;
      const parsed = parseRate(text);
      const fits = parsed !== undefined && (packets || (parsed !== "max" && "bitsPerSecond" in parsed));
      if (!fits) throw new UsageError(`${name} RATE: expected a rate such as ${example}, not "${escape(text)}"`);
      return parsed;
    },
  };
}
