import { assert, assertEquals } from "@std/assert";
import { errorEstimate, readErrorEstimate, StampTime } from "../../../src/flow/stamp/timestamp.ts";
import { LongNumbers } from "../../../src/flow/stamp/test_packet.ts";
import { Random } from "../../support/random.ts";

/** 2023-11-14T22:13:20.123456789Z */
const TINIT = 1_700_000_000_123_456_789n;
const NTP_SECONDS = 3_908_988_800; // 1_700_000_000 since 1970, as RFC 5905 counts.

function view(): DataView<ArrayBuffer> {
  return new DataView(new ArrayBuffer(8));
}

Deno.test("StampTime.write() writes seconds since 1900 and a binary fraction for NTP", () => {
  const packet = view();
  new StampTime(TINIT).write(packet, 0, 376_543_211, "ntp"); // Half a second behind the full one.
  assertEquals([packet.getUint32(0), packet.getUint32(4)], [NTP_SECONDS, 2 ** 31]);
  new StampTime(TINIT).write(packet, 0, -123_456_790, "ntp");
  assertEquals([packet.getUint32(0), packet.getUint32(4)], [NTP_SECONDS - 1, 4_294_967_292]);
});

Deno.test("StampTime.write() writes seconds since 1970 and nanoseconds for PTP", () => {
  const packet = view();
  new StampTime(TINIT).write(packet, 0, 876_543_212, "ptp");
  assertEquals([packet.getUint32(0), packet.getUint32(4)], [1_700_000_001, 1]);
});

Deno.test("StampTime.read() returns each nanosecond as it was written, across seconds and the overrun of 2036", () => {
  const random = new Random(1);
  const packet = view();
  for (const tinit of [TINIT, 2_085_978_495_999_999_000n]) {
    const time = new StampTime(tinit);
    for (const format of ["ntp", "ptp"] as const) {
      for (let i = 0; i < 2000; i++) {
        const t = random.below(random.oneIn(2) ? 6001 : 2e15) * (random.oneIn(2) ? 1 : -1);
        time.write(packet, 0, t, format);
        assertEquals(time.read(packet, 0, format), t, `${t} of ${format}`);
      }
    }
  }
});

Deno.test("StampTime.read() cuts times of a clock that is years away, and reads them once it knows the distance", () => {
  const time = new StampTime(TINIT), packet = view();
  packet.setUint32(0, 2_208_988_800 + 5); // 1970
  assertEquals(time.secondsAhead(packet, 0, "ntp"), 5 - 1_700_000_000);
  assert(Number.isSafeInteger(time.read(packet, 0, "ntp")));
  time.aheadSeconds = time.secondsAhead(packet, 0, "ntp");
  assertEquals(time.read(packet, 0, "ntp"), -123_456_789);
});

Deno.test("errorEstimate() is never smaller than the error, and at most a hundredth above it", () => {
  for (let maxErrorNanos = 1; maxErrorNanos < 1e12; maxErrorNanos = Math.ceil(maxErrorNanos * 1.37)) {
    for (const format of ["ntp", "ptp"] as const) {
      const read = readErrorEstimate(errorEstimate({ synchronized: true, maxErrorNanos }, format));
      assertEquals([read.synchronized, read.format], [true, format]);
      assert(read.errorNanos >= maxErrorNanos && read.errorNanos <= maxErrorNanos * 1.01 + 1, `${maxErrorNanos}`);
    }
  }
});

Deno.test("errorEstimate() has no multiplier of 0, and no S bit where nothing is known of the clock", () => {
  const bits = errorEstimate(undefined, "ntp");
  assert((bits & 0xff) > 0);
  assertEquals(readErrorEstimate(bits).synchronized, false);
  assert((errorEstimate({ synchronized: true, maxErrorNanos: 0 }, "ptp") & 0xff) > 0);
});

Deno.test("LongNumbers.of() goes on where 32 bits end, also for numbers that come late", () => {
  const numbers = new LongNumbers(2 ** 32 - 3);
  const bits = [2 ** 32 - 3, 2 ** 32 - 1, 1, 2 ** 32 - 2, 0, 2];
  assertEquals(bits.map((each) => numbers.of(each) - 2 ** 32), [-3, -1, 1, -2, 0, 2]);
});
