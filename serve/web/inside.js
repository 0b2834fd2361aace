// The view into the model: where each head of each layer looks, and what each layer would say.
import { button, checkbox, el, field, status } from "./dom.js";
import { heatmap } from "./heatmap.js";
import { lensTable } from "./lens.js";
import { ask, server } from "./server.js";
import { strip } from "./strip.js";
import { percent, shown } from "./token_text.js";

export const title = "Inside";

export function make() {
  let found = null;
  let layer = 0;
  let head = 0;
  let token = 0;
  const text = el("textarea", { rows: 2, spellcheck: "false" });
  text.value = "The capital of France is Paris. The capital of Italy is";
  const first = checkbox("The text begins a document", true);
  const state = status();
  const layers = el("select", { onchange: () => pick(Number(layers.value), head) });
  const heads = el("div", { class: "heads", role: "group", "aria-label": "Heads of the layer" });
  const large = heatmap("large");
  const row = strip("Tokens", (number) => {
    token = number;
    look();
  });
  const heading = el("h3", {});
  const reads = el("ol", { class: "reads" });
  const lens = el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Logit lens" });
  const below = el(
    "div",
    { hidden: true },
    el("h2", {}, "Attention"),
    el("div", { class: "row" }, field("Layer", layers)),
    heads,
    el("div", { class: "attention" }, large.element, el("div", {}, row.element, heading, reads)),
    el("h2", {}, "Logit lens"),
    el(
      "p",
      { class: "hint" },
      "What would follow each token if the model ended after a layer; the first row is what it says.",
    ),
    lens,
  );

  async function start() {
    try {
      state.say("looking …");
      found = await ask("v1/inside", {
        model: server.model,
        prompt: text.value,
        end_of_text_first: first.input.checked,
      });
    } catch (error) {
      state.fail(error);
      return;
    }
    const count = found.attention.length;
    state.say(`${found.tokens.length} tokens, ${count} layers of ${found.attention[0].length} heads`);
    layers.replaceChildren(
      ...found.attention.map((_, n) => el("option", { value: n }, `${n + 1} of ${count}`)),
    );
    below.hidden = false;
    token = found.tokens.length - 1;
    row.show(found.tokens, token);
    lens.replaceChildren(lensTable(found.tokens, found.lens));
    lens.scrollLeft = lens.scrollWidth;
    pick(Math.min(layer, count - 1), Math.min(head, found.attention[0].length - 1));
  }

  function pick(newLayer, newHead) {
    layer = newLayer;
    head = newHead;
    layers.value = String(layer);
    heads.replaceChildren(
      ...found.attention[layer].map((rows, number) => {
        const chosen = button("", () => choose(number), {
          class: "head",
          "aria-pressed": String(number === head),
        });
        const small = heatmap("small");
        small.show(rows);
        chosen.append(small.element, `Head ${number + 1}`);
        return chosen;
      }),
    );
    look();
  }

  function choose(number) {
    head = number;
    [...heads.children].forEach((one, n) => one.setAttribute("aria-pressed", String(n === head)));
    look();
  }

  // Shows what the chosen head reads at the chosen token.
  function look() {
    const rows = found.attention[layer][head];
    const weights = rows[token];
    large.show(rows, token);
    row.shade(found.tokens.map((_, n) => (n <= token ? weights[n] : null)));
    heading.textContent =
      `At “${shown(found.tokens[token].bytes)}”, head ${head + 1} of layer ${layer + 1} reads`;
    const ranked = weights.map((weight, n) => [weight, n]).sort((a, b) => b[0] - a[0]);
    reads.replaceChildren(
      ...ranked.slice(0, 5).map(([weight, n]) =>
        el(
          "li",
          {},
          el("span", { class: "what" }, shown(found.tokens[n].bytes)),
          ` at place ${n + 1}: ${percent(weight)}`,
        ),
      ),
    );
  }

  return el(
    "div",
    { class: "inside" },
    field(`Text of at most ${server.info.inside_tokens} tokens`, text),
    el(
      "div",
      { class: "row" },
      button("Look", start, { class: "primary" }),
      first.element,
      state.element,
    ),
    below,
  );
}
