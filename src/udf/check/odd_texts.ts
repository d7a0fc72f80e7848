import { type Bystander, field, tag } from "./bystander.ts";

/** Texts that encodings and escaping tend to break. */
const VALUES = [
  "",
  " ",
  "日本語",
  "😀 \u{10ffff}",
  "e\u0301 and \u00e9",
  "\ufeffbom",
  "a\nb\r\n\tc",
  "\u0000 nul",
  "\u2028\u2029",
  "a,b=c d\\e\"f'",
  "\u202eright to left",
];

/** Names that collide with what objects have by themselves, or with the syntax of groups. */
const KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "length",
  "0",
  "-1",
  "",
  "tine key",
  "tine=a,b",
  "tine\nline",
  "Größe",
  "温度",
  "😀",
];

/** Ordinary and odd texts on points: as values of tags and fields, or as their names. */
export function bystandersOfText(where: "values" | "keys"): { ordinary: Bystander; extreme: Bystander[] }[] {
  const all = where === "values" ? VALUES : KEYS;
  const named = (text: string, i: number): [string, string] =>
    where === "values" ? [`tine_text${i}`, text] : [text, `value ${i}`];
  return [
    { ordinary: field("tine_text", "text"), extreme: all.map((text, i) => field(...named(text, i))) },
    { ordinary: tag("tine_tag", "text"), extreme: all.map((text, i) => tag(...named(text, i))) },
  ];
}
