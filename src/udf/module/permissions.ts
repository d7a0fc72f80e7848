/** What an author's module may do; nothing unless it is said here. */
export interface ModulePermissions {
  /** All that this process may do. */
  trust?: boolean;
  /** Hosts, as `deno run --allow-net` takes them. */
  net?: readonly string[];
  /** Files and folders. */
  read?: readonly string[];
  /** Names of environment variables. */
  env?: readonly string[];
}

/** The permissions as `new Worker` takes them (unstable feature `worker-options`). */
export function workerPermissions({ trust, net = [], read = [], env = [] }: ModulePermissions) {
  if (trust) return "inherit" as const;
  return {
    net: net.length > 0 ? [...net] : false,
    read: read.length > 0 ? [...read] : false,
    env: env.length > 0 ? [...env] : false,
    write: false as const,
    run: false as const,
    ffi: false as const,
    sys: false as const,
    import: false as const,
  };
}
