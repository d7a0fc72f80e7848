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
    // Someone else was faster, or what lies there is damaged. Both are replaced: a running program has its binary open,
    // and the files that it may still load are the same.
    Deno.renameSync(entry, `${folder}.old`);
    try {
      place();
    } catch (error) {
      // Faster again: then it has just been written.
      if (!(error instanceof Deno.errors.AlreadyExists) && error.code !== "ENOTEMPTY") throw error;
    }
    Deno.removeSync(`${folder}.old`, { recursive: true });
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
