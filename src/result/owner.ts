/** To whom results belong: where tine was run through sudo, the user that did so. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes a folder that must not exist; a link in its place is not followed.
 *
 * @throws {Deno.errors.AlreadyExists} if there is something with this name
 */
export async function makeFolder(path: string, owner?: Owner): Promise<void> {
  await Deno.mkdir(path);
  await giveTo(path, owner);
}

/**
 * Makes a file that must not exist; a link in its place is not followed.
 *
 * @throws {Deno.errors.AlreadyExists} if there is something with this name
 */
export async function makeFile(path: string, owner?: Owner): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { write: true, createNew: true });
  try {
    await giveTo(path, owner);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

/** Gives what was just made to its owner. */
export async function giveTo(path: string, owner: Owner | undefined): Promise<void> {
  if (owner !== undefined) await Deno.chown(path, owner.uid, owner.gid);
}
