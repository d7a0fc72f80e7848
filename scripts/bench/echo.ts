// The least that a process can do between its pipes: sends back what comes.
const buffer = new Uint8Array(64 * 1024);
for (;;) {
  const length = await Deno.stdin.read(buffer);
  if (length === null) break;
  for (let sent = 0; sent < length;) sent += await Deno.stdout.write(buffer.subarray(sent, length));
}
