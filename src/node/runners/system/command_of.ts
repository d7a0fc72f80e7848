import type { SystemConfig } from "../system.ts";

const SHOWN_CHARACTERS = 100;

/** The command of a run as messages show it, in one line; long ones are cut. */
export function commandOf({ command: line, args = [] }: SystemConfig): string {
  const command = [line, ...args].join(" ").replace(/\s+/g, " ");
  return command.length > SHOWN_CHARACTERS ? command.slice(0, SHOWN_CHARACTERS) + "..." : command;
}
