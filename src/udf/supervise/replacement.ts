import { messageOf } from "../../base/errors.ts";
import type { Host } from "../host.ts";
import type { Hosts } from "./hosts.ts";
import type { Inheritance } from "./inheritance.ts";

/** What a replacement needs of the supervisor. */
export interface ReplacementOptions {
  hosts: Hosts;
  inheritance: Inheritance;
  /** How long the old version may take to end, in ms; 0: for ever. */
  timeoutMs: number;
  /** Gets sentences about what became of it. */
  log?: (message: string) => void;
  /** Takes a snapshot of the old version. */
  save(): Promise<Uint8Array>;
  /** Called in the moment in which a host has got all input. */
  use(host: Host): void;
}

/**
 * Replaces a UDF by its new version, in the state of the old one; if the new one does not start, the old one goes on.
 *
 * @param old the host of the old version, which is not used any more since this turn: input collects in the log
 * @throws why neither goes on
 */
export async function replaceUdf(old: Host, options: ReplacementOptions): Promise<void> {
  const { hosts, inheritance, timeoutMs, log, save, use } = options;
  const mark = inheritance.log.mark();
  inheritance.allGiven();
  const state = await save();
  inheritance.noneGiven();
  const fresh = await startVersion(old, state, options);
  if (fresh === undefined) return await inheritance.give(old, mark, () => use(old));
  await old.stop(timeoutMs).catch((error) => log?.(`the old version did not end well: ${messageOf(error)}`));
  hosts.retire(old);
  inheritance.ended();
  await inheritance.give(fresh, mark, () => use(fresh));
  log?.("the new version has taken over");
}

/** Starts a new version in the state of the old one, or empty where it refuses that; undefined: it does not start. */
async function startVersion(
  old: Host,
  state: Uint8Array,
  { hosts, inheritance, log }: ReplacementOptions,
): Promise<Host | undefined> {
  let fresh: Host | undefined;
  const start = async () => {
    fresh = await hosts.start(inheritance.edge);
    const { provides } = await fresh.info();
    if (inheritance.options !== undefined) await fresh.init(inheritance.options);
    inheritance.edge = provides;
    return fresh;
  };
  try {
    fresh = await start();
    if (state.length === 0) {
      inheritance.state = undefined;
      return fresh;
    }
    try {
      await fresh.restore(state);
    } catch (error) {
      log?.(`the new version starts empty: ${messageOf(error)}`);
      if (fresh.failure !== undefined) {
        await hosts.end(fresh);
        fresh = await start();
      }
      inheritance.state = undefined;
    }
    return fresh;
  } catch (error) {
    if (fresh !== undefined) await hosts.end(fresh);
    if (old.failure !== undefined) throw old.failure;
    log?.(`the new version does not start, the old one goes on: ${messageOf(error)}`);
  }
}
