import type { CreateHandler } from "../handler.ts";

const HANDLERS: Record<string, () => Promise<{ createHandler: CreateHandler }>> = {
  "mirror": () => import("./mirror.ts"),
  "moving-avg": () => import("./moving_avg.ts"),
  "ewma": () => import("./ewma.ts"),
  "quantile": () => import("./quantile.ts"),
  "rate": () => import("./rate.ts"),
  "anomaly": () => import("./anomaly.ts"),
  "outliers": () => import("./outliers.ts"),
  "join": () => import("./join.ts"),
};

/** The names of the handlers that come with tine. */
export const BUNDLED_HANDLERS: readonly string[] = Object.keys(HANDLERS);

/** Loads a handler that comes with tine; undefined if no handler has this name. */
export async function loadBundledHandler(name: string): Promise<CreateHandler | undefined> {
  return Object.hasOwn(HANDLERS, name) ? (await HANDLERS[name]()).createHandler : undefined;
}

/** Whether the name of a handler is the path of a module, by its ending. */
export function isModulePath(handler: string): boolean {
  return !BUNDLED_HANDLERS.includes(handler) && /\.[mc]?[tj]s$/.test(handler);
}
