// The view of what may follow: the distribution after any token, from which to branch.
import { button, checkbox, el, field, status } from "./dom.js";
import { ask, model, server } from "./server.js";
import { strip } from "./strip.js";
import { percent, shown } from "./token_text.js";

export const title = "Next token";

const MOST = 20;

export function make() {
  // The tokens {id, bytes, probability} and, after each, the likeliest {id, bytes, logprob}.
  let tokens = [];
  let after = [];
  const before = [];
  const text = el("textarea", { rows: 3, spellcheck: "false" });
  text.value = "The capital of France is";
  const first = checkbox("The text begins a document", true);
  const control = checkbox("Names of control tokens are control tokens");
  const back = button("Back", goBack, { disabled: true });
  const state = status();
  const row = strip("Tokens so far", list, (token) =>
    token.probability === null ? `token ${token.id}` : `probability ${percent(token.probability)}`,
  );
  const table = el("ol", { class: "candidates" });
  const heading = el("h2", {});

  async function start() {
    try {
      const body = {
        model: server.model,
        prompt: text.value,
        parse_special: control.input.checked,
      };
      const ids = (await ask("tokenize", body)).tokens;
      if (first.input.checked || !ids.length) ids.unshift(model().end_of_text);
      before.length = 0;
      await look(ids);
    } catch (error) {
      state.fail(error);
    }
  }

  async function look(ids) {
    state.say("looking …");
    const body = {
      model: server.model,
      prompt: ids,
      echo: true,
      logprobs: MOST,
      max_tokens: 1,
      temperature: 0,
      return_token_ids: true,
    };
    const { logprobs } = (await ask("v1/completions", body)).choices[0];
    after = logprobs.top_tokens.slice(1);
    tokens = ids.map((id, n) => ({
      id,
      bytes: logprobs.token_bytes[n],
      probability: n ? Math.exp(logprobs.token_logprobs[n]) : null,
    }));
    row.show(tokens);
    row.shade(tokens.map((token) => (token.probability === null ? null : 1 - token.probability)));
    back.disabled = before.length === 0;
    state.say("");
    list(tokens.length - 1);
  }

  function list(number) {
    const follows = tokens[number + 1];
    heading.textContent = `After “${shown(tokens[number].bytes)}”`;
    table.replaceChildren(
      ...after[number].map((token) => candidate(token, number, token.id === follows?.id)),
    );
    if (follows && !after[number].some((token) => token.id === follows.id)) {
      const token = { ...follows, logprob: Math.log(follows.probability) };
      table.append(candidate(token, number, true));
    }
  }

  function candidate(token, number, there) {
    const probability = Math.exp(token.logprob);
    const bar = el("span", { class: "bar" });
    bar.style.setProperty("--share", `${(100 * probability).toFixed(2)}%`);
    const chosen = button("", () => branch(token.id, number), { class: "candidate" });
    chosen.append(
      bar,
      el("span", { class: "what" }, shown(token.bytes)),
      el("span", { class: "id" }, String(token.id)),
      el("span", { class: "share" }, percent(probability)),
    );
    if (there) chosen.setAttribute("aria-current", "true");
    return el("li", {}, chosen);
  }

  async function branch(id, number) {
    const held = tokens.map((token) => token.id);
    try {
      await look([...held.slice(0, number + 1), id]);
      before.push(held);
      back.disabled = false;
      row.element.scrollIntoView({ block: "nearest" });
    } catch (error) {
      state.fail(error);
    }
  }

  async function goBack() {
    try {
      await look(before.pop());
    } catch (error) {
      state.fail(error);
    }
  }

  start();
  return el(
    "div",
    { class: "next" },
    field("Text", text),
    el("div", { class: "row" }, first.element, control.element),
    el("div", { class: "row" }, button("Show", start, { class: "primary" }), back, state.element),
    el(
      "p",
      { class: "hint" },
      "The deeper a token's colour, the less it was expected. Select one to see what the model would have " +
        "put after it, then one of those to go on from there.",
    ),
    row.element,
    heading,
    table,
  );
}
