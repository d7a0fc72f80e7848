// Runs once, by the deno binary just unpacked beside it: writes the program's files, and moves the folder into place.
// `files` (path to text) is defined in front of this by scripts/build/pack.ts. That this can run at all shows that the
// folder allows programs to be executed.
const [folder, entry] = Deno.args;
for (const [path, text] of Object.entries(files)) {
  const file = `${folder}/program/${path}`;
  Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true, mode: 0o700 });
  Deno.writeTextFileSync(file, text, { mode: 0o600 });
}
Deno.removeSync(`${folder}/install.js`);
Deno.removeSync(`${folder}/errors`);

if (entry !== undefined) {
  const place = () => Deno.renameSync(folder, entry);
  try {
    place();
  } catch {
    // Someone else was faster, and may run it already; only what is damaged is replaced. The head removes what is left.
    if (!isWhole(entry)) {
      Deno.renameSync(entry, `${folder}.old`);
      try {
        place();
      } catch (error) {
        // Faster again: then it has just been written.
        if (!(error instanceof Deno.errors.AlreadyExists) && error.code !== "ENOTEMPTY") throw error;
      }
      Deno.removeSync(`${folder}.old`, { recursive: true });
    }
  }
  // What first starts left behind that were killed.
  const cache = entry.slice(0, entry.lastIndexOf("/"));
  for (const { name } of Deno.readDirSync(cache)) {
    if (!name.startsWith(".new.")) continue;
    try {
      const { mtime } = Deno.lstatSync(`${cache}/${name}`);
      if (mtime && Date.now() - mtime.getTime() > 3_600_000) Deno.removeSync(`${cache}/${name}`, { recursive: true });
    } catch {
      // Another start is tidying up as well.
    }
  }
}

/** Whether the entry is what the head takes for intact: files of these sizes, of this user, that only this user can write to. */
function isWhole(entry) {
  const isOurs = (path, size) => {
    const { uid, mode, size: found } = Deno.lstatSync(path);
    return uid === Deno.uid() && (mode & 0o022) === 0 && (size === undefined || size === found);
  };
  try {
    const encoder = new TextEncoder();
    return isOurs(entry) && isOurs(`${entry}/program`) &&
      isOurs(`${entry}/deno`, Deno.statSync(`${folder}/deno`).size) &&
      Object.entries(files).every(([path, text]) => isOurs(`${entry}/program/${path}`, encoder.encode(text).length));
  } catch {
    return false; // something is missing
  }
}
