// What starting Deno costs by itself.
