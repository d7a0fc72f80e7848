/** How large a terminal is. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const encoder = new TextEncoder();

/** The size of the terminal as it is now; what most have where it does not tell. */
export function stderrSize(): ScreenSize {
  try {
    // A terminal that was never given a size reports 0.
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}

/** Writes all of a text to standard error, in another thread: one that takes nothing holds up nobody. */
export async function writeStderr(text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let done = 0; done < bytes.length;) done += await Deno.stderr.write(bytes.subarray(done));
}
