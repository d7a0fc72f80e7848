/** How large a terminal is. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const encoder = new TextEncoder();

/** Returns the size of the terminal as it is now; 80 by 24 where it is not known. */
export function stderrSize(): ScreenSize {
  try {
    // A terminal that was never given a size reports 0.
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}

/** Writes all of a text to standard error, in another thread: a terminal that takes nothing holds up no other work. */
export async function writeStderr(text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let done = 0; done < bytes.length;) done += await Deno.stderr.write(bytes.subarray(done));
}
