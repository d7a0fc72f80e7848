import { messageOf, TineError } from "../base/errors.ts";

/** What the kernel's sockaddr_un holds, see unix(7), less the final NUL. */
const MAX_PATH_BYTES = 107;

/** A Unix socket that listens, and is removed when it is closed. */
export interface UnixListener {
  readonly listener: Deno.UnixListener;
  /** Stops listening and removes the socket, unless another one has taken its place. */
  close(): void;
}

/**
 * Listens on a Unix socket. The socket appears under its path with its mode set, all at once.
 *
 * A socket without a server behind it is replaced; a socket in use, or a file of another kind, is not.
 *
 * @param mode permission bits, e.g. 0o600
 * @throws {TineError} `bad-socket-path`, `socket-in-use` or `cannot-listen`
 */
export async function listenUnix(path: string, mode = 0o600): Promise<UnixListener> {
  const slash = path.lastIndexOf("/") + 1;
  const temporary = `${path.slice(0, slash)}.${crypto.randomUUID().slice(0, 8)}`;
  const bytes = new TextEncoder().encode(path.length > temporary.length ? path : temporary).length;
  if (bytes > MAX_PATH_BYTES) {
    throw new TineError(
      "bad-socket-path",
      `the socket path ${path} is too long: ${bytes} bytes (with a temporary name beside it), the kernel takes ` +
        `${MAX_PATH_BYTES}; use a shorter folder`,
    );
  }
  await checkFree(path);
  let listener: Deno.UnixListener;
  const umask = Deno.umask(0o177);
  try {
    listener = Deno.listen({ transport: "unix", path: temporary });
  } catch (error) {
    throw cannotListen(path, error);
  } finally {
    Deno.umask(umask);
  }
  let own: Deno.FileInfo;
  try {
    await Deno.chmod(temporary, mode);
    own = await Deno.lstat(temporary);
    await Deno.rename(temporary, path);
  } catch (error) {
    listener.close();
    remove(temporary);
    throw cannotListen(path, error);
  }
  return {
    listener,
    close() {
      try {
        listener.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
      const present = stat(path);
      if (present?.ino === own.ino && present.dev === own.dev) remove(path);
    },
  };
}

async function checkFree(path: string): Promise<void> {
  const present = stat(path);
  if (present === undefined) return;
  if (!present.isSocket) {
    throw new TineError("bad-socket-path", `${path} exists and is not a socket; it is left as it is`);
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound) return;
    throw cannotListen(path, error);
  }
  throw new TineError("socket-in-use", `a server is already listening on ${path}`);
}

function stat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw cannotListen(path, error);
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function cannotListen(path: string, error: unknown): TineError {
  const reason = error instanceof Deno.errors.NotFound
    ? "its folder does not exist"
    : error instanceof Deno.errors.PermissionDenied
    ? "permission denied"
    : error instanceof Deno.errors.NotADirectory
    ? "what is to be its folder is no folder"
    : messageOf(error);
  return new TineError("cannot-listen", `cannot listen on ${path}: ${reason}`, { cause: error });
}
