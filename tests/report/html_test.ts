import { assertEquals } from "@std/assert";
import { html, scriptJson } from "../../src/report/html.ts";

Deno.test("html escapes text in content and in quoted attributes", () => {
  const text = `<img src=x onerror=alert(1)> & "double" 'single'`;
  assertEquals(
    html`<p title="${text}">${text}</p>`.text,
    '<p title="&lt;img src=x onerror=alert(1)&gt; &amp; &quot;double&quot; &#39;single&#39;">' +
      "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;double&quot; &#39;single&#39;</p>",
  );
});

Deno.test("html keeps markup that is made by itself, joins lists and leaves out what is absent", () => {
  const items = ["a", "<b>"].map((text) => html`<li>${text}</li>`);
  assertEquals(html`<ul>${items}</ul>${undefined}${false}${0}`.text, "<ul><li>a</li><li>&lt;b&gt;</li></ul>0");
});

Deno.test("html replaces what no document may hold", () => {
  assertEquals(html`${"a\0b\x1bc\ud800d\n\te"}`.text, "a\ufffdb\ufffdc\ufffdd\n\te");
});

Deno.test("scriptJson() lets no text end its element", () => {
  const text = scriptJson({ a: "</script><!--<script>" }).text;
  assertEquals(text.includes("<"), false);
  assertEquals(JSON.parse(text), { a: "</script><!--<script>" });
});

Deno.test("html leaves out the indentation of the source, and nothing of values", () => {
  const value = "\n  two\n";
  assertEquals(
    html`
      <pre>${value}</pre>
      <p>one</p>
    `.text,
    "<pre>\n  two\n</pre>\n<p>one</p>",
  );
});
