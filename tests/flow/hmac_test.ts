import { assert, assertEquals, assertThrows } from "@std/assert";
import { Hmac, HMAC_BYTES } from "../../src/flow/hmac.ts";
import { TineError } from "../../src/base/errors.ts";

const text = (text: string) => new TextEncoder().encode(text);

/** RFC 4231, test cases 1, 2, 6 and 7. */
const VECTORS: readonly [key: Uint8Array, message: Uint8Array, code: string][] = [
  [new Uint8Array(20).fill(0x0b), text("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  [
    text("Jefe"),
    text("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  [
    new Uint8Array(131).fill(0xaa),
    text("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    new Uint8Array(131).fill(0xaa),
    text(
      "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be " +
        "hashed before being used by the HMAC algorithm.",
    ),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

Deno.test("Hmac gives the codes of RFC 4231", () => {
  for (const [key, message, code] of VECTORS) assertEquals(new Hmac(key).digest(message).toHex(), code);
});

Deno.test("Hmac gives the codes of the platform for keys and messages of all lengths", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(400));
  for (let length = 0; length < 200; length++) {
    const secret = bytes.slice(0, 1 + length * 7 % 150);
    const message = bytes.slice(200, 200 + length);
    const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const expected = new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
    assertEquals(new Hmac(secret).digest(message), expected);
  }
});

Deno.test("Hmac.verify() takes what sign() made, and nothing else", () => {
  const hmac = new Hmac(text("secret"));
  const bytes = new Uint8Array(100);
  bytes.set(text("a packet"));
  for (const length of [16, HMAC_BYTES]) {
    hmac.sign(bytes, 2, 50, 60, length);
    assert(hmac.verify(bytes, 2, 50, 60, length));
    for (const at of [2, 49, 60, 59 + length]) {
      bytes[at] ^= 1;
      assert(!hmac.verify(bytes, 2, 50, 60, length), `byte ${at}`);
      bytes[at] ^= 1;
    }
    assert(!new Hmac(text("other")).verify(bytes, 2, 50, 60, length));
  }
});

Deno.test("Hmac refuses an empty key", () => {
  assertThrows(() => new Hmac(new Uint8Array()), TineError, "the key is empty");
});
