import type { SysInfoData } from "../node/mod.ts";
import { escape, style } from "./terminal.ts";

/** What a sysInfo has found on a node, for people: a heading, sections, and in them values by name, or text. */
export function systemLines({ nodeId, sections }: SysInfoData): string[] {
  const { bold } = style(Deno.stdout);
  const lines = [bold(`== ${escape(nodeId)}`)];
  for (const [title, content] of Object.entries(sections)) {
    if (typeof content === "string") {
      lines.push(escape(title), ...indented(content));
      continue;
    }
    lines.push(escape(title));
    for (const [name, value] of Object.entries(content)) {
      const [first, ...rest] = textLines(value);
      if (rest.length === 0) lines.push(`  ${escape(name)}: ${first}`);
      else lines.push(`  ${escape(name)}:`, ...indented(value).map((line) => `  ${line}`));
    }
  }
  return lines;
}

function indented(text: string): string[] {
  return textLines(text).map((line) => `  ${line}`);
}

function textLines(text: string): string[] {
  // A tab would be escaped, too.
  return text.replace(/\n$/, "").replaceAll("\t", "  ").split("\n").map(escape);
}
