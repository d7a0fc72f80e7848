import { testIdText } from "../../result/names.ts";
import type { GateStatus, GateVerdict } from "../../result/gates/mod.ts";
import { escape, type Style } from "../terminal.ts";

const WORDS: Readonly<Record<GateStatus, string>> = {
  pass: "PASS",
  fail: "FAIL",
  undecided: "UNDECIDED",
  "no data": "NO DATA",
};
const WORD_WIDTH = Math.max(...Object.values(WORDS).map((word) => word.length));
/** Longer gates do not move what stands behind the others. */
const MAX_GATE_WIDTH = 50;

/** Returns verdicts for people, a line each: `PASS  voip.* rttP99 < 30ms  name=voip: voip.alone: 12.3 ms`. */
export function gateLines(
  verdicts: readonly GateVerdict[],
  { green, red, yellow }: Pick<Style, "green" | "red" | "yellow">,
): string[] {
  const paint: Readonly<Record<GateStatus, (text: string) => string>> = {
    pass: green,
    fail: red,
    undecided: yellow,
    "no data": red,
  };
  const texts = verdicts.map(({ gate }) => escape(gate));
  const width = Math.min(MAX_GATE_WIDTH, Math.max(...texts.map((text) => text.length)));
  return verdicts.map(({ test, status, message }, i) => {
    const id = test === undefined ? "" : testIdText(test);
    const found = escape(id === "" ? message : `${id}: ${message}`);
    return `${paint[status](WORDS[status].padEnd(WORD_WIDTH))}  ${texts[i].padEnd(width)}  ${found}`;
  });
}

/** Returns verdicts as Markdown, for a pull request. */
export function gatesMarkdown(verdicts: readonly GateVerdict[]): string {
  const rows = verdicts.map(({ gate, test, status, message }) => {
    const word = status === "pass" ? status : `**${status}**`;
    return `| ${word} | ${inMarkdown(gate)} | ${inMarkdown(test === undefined ? "" : testIdText(test))} | ${
      inMarkdown(message)
    } |\n`;
  });
  return `| verdict | gate | test | measured |\n| --- | --- | --- | --- |\n${rows.join("")}`;
}

/** Returns text of others without a meaning of its own in Markdown. */
export function inMarkdown(text: string): string {
  return escape(text).replace(/[\\`*_[\]<>|~#]/g, "\\$&").replaceAll("&", "&amp;");
}

/** Returns verdicts as JSON, an object a line. */
export function gatesJson(verdicts: readonly GateVerdict[]): string {
  const count = (wanted: GateStatus) => verdicts.filter(({ status }) => status === wanted).length;
  const summary = {
    type: "summary",
    pass: count("pass"),
    fail: count("fail"),
    undecided: count("undecided"),
    noData: count("no data"),
  };
  return [...verdicts.map((verdict) => ({ type: "gate", ...verdict })), summary]
    .map((object) => JSON.stringify(object) + "\n").join("");
}
