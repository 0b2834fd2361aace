// A row of tokens of which one is selected: by a click, or by the arrow keys once it has the focus.
import { el } from "./dom.js";
import { decoded, shown } from "./token_text.js";

const COLOURS = 6;
// More would make the page slow.
const MOST = 4000;

// `select(number)` is called when another token is selected. `describe(token, number)` gives what
// is said of a token to those who do not see it.
export function strip(title, select, describe = (token) => `token ${token.id}`) {
  const element = el("div", { class: "strip", role: "listbox", "aria-label": title });
  let boxes = [];
  let current = -1;

  function mark(number, focus = false) {
    boxes[current]?.setAttribute("tabindex", "-1");
    boxes[current]?.setAttribute("aria-selected", "false");
    current = number;
    boxes[current]?.setAttribute("tabindex", "0");
    boxes[current]?.setAttribute("aria-selected", "true");
    if (focus) boxes[current]?.focus();
  }

  function choose(number, focus) {
    if (number < 0 || number >= boxes.length) return;
    mark(number, focus);
    select(number);
  }

  element.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const ends = { Home: 0, End: boxes.length - 1 };
    if (event.key in steps) choose(current + steps[event.key], true);
    else if (event.key in ends) choose(ends[event.key], true);
    else return;
    event.preventDefault();
  });

  function box(token, number) {
    const made = el(
      "span",
      {
        class: `token colour-${number % COLOURS}`,
        role: "option",
        tabindex: -1,
        "aria-selected": "false",
        "aria-label": `${shown(token.bytes)}, ${describe(token, number)}`,
        onclick: () => choose(number, true),
      },
      el("span", { class: "what" }, shown(token.bytes)),
      el("span", { class: "id" }, String(token.id)),
    );
    return made;
  }

  return {
    element,
    mark,
    get current() {
      return current;
    },
    // Shows tokens {id, bytes}; how many of them there was room for.
    show(tokens, selected = tokens.length - 1) {
      boxes = tokens.slice(0, MOST).map(box);
      const nodes = boxes.flatMap((made, number) =>
        decoded(tokens[number].bytes)?.endsWith("\n") ? [made, el("br")] : [made],
      );
      element.replaceChildren(...nodes);
      current = -1;
      mark(Math.min(selected, boxes.length - 1));
      return boxes.length;
    },
    // Colours each token by a number from 0 to 1 instead of by its place; null: not at all.
    shade(values) {
      boxes.forEach((made, number) => {
        const value = values[number];
        made.classList.add("shaded");
        made.style.setProperty("--share", value === null ? "0%" : `${(100 * value).toFixed(1)}%`);
      });
    },
  };
}
