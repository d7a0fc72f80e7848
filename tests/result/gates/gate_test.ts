import { assert, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../support/random.ts";
import { GateError, parseGate } from "../../../src/result/gates/mod.ts";

/** What a gate means, without the text. */
function read(text: string) {
  const { text: _, figure, ...gate } = parseGate(text);
  return { ...gate, figure: figure.name };
}

Deno.test("parseGate() reads each form of the grammar", () => {
  assertEquals(read("voip.* rttP99 < 30ms"), {
    flows: "voip.*",
    figure: "rttP99Micros",
    operator: "<",
    target: { of: "value", value: 30_000 },
    over: "each",
  });
  assertEquals(read("bulk* goodput > 18Mbps over sum"), {
    flows: "bulk*",
    figure: "goodputBitsPerSecond",
    operator: ">",
    target: { of: "value", value: 18e6 },
    over: "sum",
  });
  assertEquals(read("voip.beside rttP99 < 3x voip.alone"), {
    flows: "voip.beside",
    figure: "rttP99Micros",
    operator: "<",
    target: { of: "flow", flow: "voip.alone", factor: 3 },
    over: "each",
  });
  assertEquals(read("* rttMedian within 5% of baseline"), {
    flows: "*",
    figure: "rttMedianMicros",
    operator: "within",
    target: { of: "baseline", factor: 1 },
    share: 0.05,
    over: "each",
  });
  assertEquals(read("bulk goodput >= 0.95x baseline").target, { of: "baseline", factor: 0.95 });
  assertEquals(read("b completion within 10% of a").target, { of: "flow", flow: "a", factor: 1 });
});

Deno.test("parseGate() reads values in the units of their figures, with or without blanks", () => {
  const values: Readonly<Record<string, number>> = {
    "v rttP99<1.5ms": 1500,
    "v rttP99 < 250us": 250,
    "v rttP99 < 30 ms": 30_000,
    "v completion <= 1m30s": 90,
    "v goodput > 2.5Gbps": 2.5e9,
    "v goodput > 18.7 Mbit/s": 18.7e6,
    "v goodput > 0": 0,
    "v cwndMedian < 64KiB": 65_536,
    "v toServer.lostPercent <= 0.1": 0.1,
    "v toServer.lostPercent <= 0.1%": 0.1,
    "v toServer.lost <= 3": 3,
    "v clockOffset > -5ms": -5000,
  };
  for (const [text, value] of Object.entries(values)) {
    assertEquals(read(text).target, { of: "value", value }, text);
  }
});

Deno.test("parseGate() names the column, what was expected there, and what is near", () => {
  const problems: readonly [gate: string, column: number, problem: string][] = [
    ["", 1, "it ends, expected the id of a flow, or a pattern: FLOWS FIGURE OP VALUE, such as voip.* rttP99 < 30ms"],
    ["voip", 5, "it ends, expected a figure, such as rttP99 or goodput"],
    ["voip rttP9 < 3ms", 6, 'there is no figure "rttP9": did you mean rttP99?'],
    [
      "voip rtt < 3ms",
      6,
      'there is no figure "rtt": it is a distribution: name a value, one of rttMin, rttMean, rttMedian, rttP99, ' +
      "rttP999, rttMax",
    ],
    ["voip rttP99 = 3ms", 13, 'expected <, <=, >, >= or within, not "="'],
    ["voip rttP99 witin 3%", 13, 'expected <, <=, >, >= or within, not "witin": did you mean within?'],
    ["voip rttP99 <", 14, "it ends, expected a time such as 30ms, 3x FLOW, or baseline"],
    ["voip rttP99 < 30", 15, 'expected a time such as 30ms for rttP99, not "30"; a unit is missing: 30ms?'],
    ["bulk goodput > 18", 16, 'expected a rate such as 18Mbps for goodput, not "18"; a unit is missing: 18Mbps?'],
    ["bulk goodput > 18ms", 16, 'expected a rate such as 18Mbps for goodput, not "18ms"'],
    ["bulk goodput > 100pps", 16, 'expected a rate such as 18Mbps for goodput, not "100pps"'],
    ["voip toServer.lostPercent < 1ms", 29, 'expected a share such as 0.1% for toServer.lostPercent, not "1ms"'],
    ["voip rttP99 < 3x", 17, "it ends, expected a flow, or baseline, behind the factor"],
    ["voip rttP99 < 3x voip.*", 18, 'expected the id of one flow, not the pattern "voip.*"'],
    ["voip rttP99 within 5 of baseline", 20, 'expected a share in percent, not "5": within 5% of baseline'],
    ["voip rttP99 within 5% baseline", 23, 'expected of: within 5% of baseline, not "baseline"'],
    ["voip rttP99 < 3ms over al", 24, 'expected each, sum, mean or worst, not "al"'],
    ["voip rttP99 < 3ms ovr sum", 19, 'expected over each, sum, mean or worst, or the end, not "ovr"'],
    ["voip rttP99 < 3ms over sum now", 28, 'expected over each, sum, mean or worst, or the end, not "now"'],
    ["* goodput > 1x baseline over sum", 30, "a baseline is compared flow by flow, not over sum"],
  ];
  for (const [text, column, problem] of problems) {
    const error = assertThrows(() => parseGate(text), GateError);
    assertEquals([error.column, error.problem], [column, problem], text);
    assertEquals(error.message, `${JSON.stringify(text)}: column ${column}: ${problem}`);
  }
});

Deno.test("parseGate() reads any text, or names a column in it", () => {
  const random = new Random(4);
  const words = [
    "voip.*",
    "rttP99",
    "goodput",
    "<",
    ">=",
    "within",
    "5%",
    "of",
    "30ms",
    "3x",
    "baseline",
    "over",
    "sum",
    "-",
    "1e9",
    "[",
  ];
  for (let i = 0; i < 1000; i++) {
    const text = Array.from({ length: random.below(8) }, () => random.pick(words)).join(
      random.pick([" ", " ", "", "\t"]),
    );
    try {
      assertEquals(parseGate(text).text, text);
    } catch (error) {
      assert(error instanceof GateError, `${text}: ${error}`);
      assert(error.column >= 1 && error.column <= text.length + 1, `${text}: column ${error.column}`);
    }
  }
});
