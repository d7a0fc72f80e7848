/// <reference lib="dom" />
import type { Series } from "../plot.ts";

/** More flows than these are not drawn at once where a plot has many. */
const MAX_DRAWN = 24;

/**
 * Which flows the reader wants to see: in the plots, the legend and the tables of the page.
 */
export class FlowFilter {
  /** What the reader chose, by flow. */
  #chosen = new Map<string, boolean>();
  readonly #changed: () => void;

  /** @param changed gets called after each change */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Whether a series is drawn. */
  isShown({ flow, hidden }: Pick<Series, "flow" | "hidden">): boolean {
    return (flow === undefined ? undefined : this.#chosen.get(flow)) ?? !hidden;
  }

  /** Makes the entries of a legend buttons that show and hide their flows. */
  listenTo(legend: Element): void {
    for (const item of legend.querySelectorAll<HTMLElement>("[data-flow]")) {
      const flow = item.dataset.flow!;
      const button = document.createElement("button");
      button.type = "button";
      button.ariaPressed = "true";
      button.append(...item.childNodes);
      item.append(button);
      button.addEventListener("click", () => {
        const shown = button.ariaPressed !== "true";
        this.#chosen.set(flow, shown);
        showFlow(flow, shown);
        this.#changed();
      });
    }
  }

  /**
   * Makes a box for pages of many flows: those with what is typed into it are drawn by themselves, and the tables have
   * no others.
   */
  box(flows: readonly string[]): HTMLElement {
    const label = document.createElement("label"), input = document.createElement("input");
    const found = document.createElement("output");
    label.className = "filter";
    input.type = "search";
    label.append("Flows ", input, " ", found);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      const matching = flows.filter((flow) => flow.toLowerCase().includes(wanted));
      this.#chosen = new Map(wanted === "" ? [] : matching.slice(0, MAX_DRAWN).map((flow) => [flow, true]));
      for (const flow of flows) showFlow(flow, wanted === "" || matching.includes(flow));
      const more = matching.length > MAX_DRAWN ? `, the first ${MAX_DRAWN} drawn` : "";
      found.textContent = wanted === "" ? "" : `${matching.length} of ${flows.length}${more}`;
      this.#changed();
    });
    return label;
  }
}

/** Shows a flow in tables and in plots that are not drawn anew, or hides it; legends keep it, and show which. */
function showFlow(flow: string, shown: boolean): void {
  for (const element of document.querySelectorAll(`[data-flow="${CSS.escape(flow)}"]`)) {
    const button = element.closest(".legend") && element.querySelector("button");
    if (button) button.ariaPressed = String(shown);
    else element.classList.toggle("off", !shown);
  }
}
