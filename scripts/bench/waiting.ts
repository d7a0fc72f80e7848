// What Deno takes by itself while a program waits for input.
for await (const _ of Deno.stdin.readable);
