import { escapeMarkup } from "../base/markup.ts";

/** Text that is HTML: whatever was recorded is escaped on its way into it. */
export class Html {
  readonly text: string;

  /** @param text markup, in which all that was recorded is escaped */
  constructor(text: string) {
    this.text = text;
  }

  /** Returns the markup. */
  toString(): string {
    return this.text;
  }
}

/** What may stand in a template: text is escaped, what is absent or false is left out, lists are joined. */
export type HtmlValue = Html | string | number | bigint | false | null | undefined | readonly HtmlValue[];

/**
 * A tag of templates of HTML and SVG, and the only way by which text reaches a page. Values may stand in text and in
 * quoted attributes; not in scripts, styles, names, or attributes that run or load something. The white space around a
 * template and the indentation of its lines are left out: they are those of the source.
 *
 * @example
 * ```ts
 * import { html } from "./html.ts";
 * console.assert(html`<b title="${'"'}">${"<script>"}</b>`.text === '<b title="&quot;">&lt;script&gt;</b>');
 * ```
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = flat(parts[0]).trimStart();
  const last = values.length - 1;
  for (let i = 0; i <= last; i++) {
    const part = flat(parts[i + 1]);
    text += textOf(values[i]) + (i === last ? part.trimEnd() : part);
  }
  return new Html(values.length === 0 ? text.trimEnd() : text);
}

function flat(part: string): string {
  return part.includes("\n") ? part.replace(/[ \t]*\n\s*/g, "\n") : part;
}

function textOf(value: HtmlValue): string {
  if (value instanceof Html) return value.text;
  if (value === undefined || value === null || value === false) return "";
  if (typeof value === "string") return escapeMarkup(value);
  if (typeof value === "object") return value.map(textOf).join("");
  return String(value);
}

/**
 * Returns JSON that may stand in a script element of a page: no text in it ends the element.
 *
 * @example
 * ```ts
 * import { scriptJson } from "./html.ts";
 * console.assert(scriptJson("</script>").text === '"\\u003c/script>"');
 * ```
 */
export function scriptJson(value: unknown): Html {
  return new Html(JSON.stringify(value).replaceAll("<", "\\u003c"));
}
