// The view to write an ideal answer, or to rank answers of the model.
import { button, el, field, status } from "./dom.js";
import { ask, server } from "./server.js";

export const title = "Label";

const ANSWERS = 4;

export function make() {
  const { labels } = server.info;
  if (!labels?.writable) {
    const why = labels
      ? `The server may not write to ${labels.folder}: labels cannot be kept.`
      : "The server was started without a folder for labels (--labels).";
    return el("p", { class: "hint" }, why);
  }
  let answers = [];
  let running = null;
  const prompt = el("textarea", { rows: 2 });
  const ideal = el("textarea", { rows: 4, name: "ideal" });
  const sample = button(`Sample ${ANSWERS} answers`, draw);
  const saveIdeal = button("Save the answer", keepIdeal, { class: "primary" });
  const saveRanking = button("Save the ranking", keepRanking, { class: "primary", disabled: true });
  const list = el("ol", { class: "ranking" });
  const state = status();

  prompt.addEventListener("input", () => {
    // What was sampled answers another prompt.
    running?.abort();
    show([]);
  });

  function messages() {
    const text = prompt.value.trim();
    if (!text) {
      prompt.focus();
      throw new Error("Write a prompt first.");
    }
    return [{ role: "user", content: text }];
  }

  async function draw() {
    running?.abort();
    running = new AbortController();
    try {
      const body = { model: server.model, messages: messages(), n: ANSWERS, temperature: 1 };
      state.say("writing …");
      body.max_tokens = 512;
      const found = await ask("v1/chat/completions", body, running.signal);
      const texts = found.choices.map((choice) => (choice.message.content ?? "").trim());
      show([...new Set(texts.filter(Boolean))]);
      state.say(answers.length > 1 ? "1 is the best place." : "The model says one thing only.");
    } catch (error) {
      state.say("");
      state.fail(error);
    }
  }

  function show(texts) {
    answers = texts.map((text, number) => {
      const place = el("select", {});
      place.append(...texts.map((_, n) => el("option", { value: n }, String(n + 1))));
      place.value = String(number);
      const use = button("Edit as the ideal answer", () => {
        ideal.value = text;
        ideal.focus();
      });
      const bar = el("div", { class: "row" }, field("Place", place), use);
      const shown = el("div", { class: "text" }, text);
      return { text, place, element: el("li", { class: "message assistant" }, shown, bar) };
    });
    list.replaceChildren(...answers.map((one) => one.element));
    saveRanking.disabled = answers.length < 2;
  }

  async function keep(fields) {
    try {
      const saved = await ask("v1/labels", { messages: messages(), ...fields() });
      state.say(`Saved: ${saved.lines} in ${saved.file}.`);
      return true;
    } catch (error) {
      state.fail(error);
      return false;
    }
  }

  async function keepIdeal() {
    if (await keep(() => ({ answer: ideal.value }))) ideal.value = "";
  }

  async function keepRanking() {
    const groups = answers.map(() => []);
    answers.forEach((one, number) => groups[Number(one.place.value)].push(number));
    const ranking = groups.filter((group) => group.length);
    const kept = await keep(() => ({ answers: answers.map((one) => one.text), ranking }));
    if (kept) show([]);
  }

  return el(
    "div",
    { class: "label" },
    el("p", { class: "hint" }, `Labels are kept on the server, in ${labels.folder}.`),
    field("Prompt", prompt),
    el("div", { class: "row" }, sample, state.element),
    list,
    el("div", { class: "row" }, saveRanking),
    el("p", { class: "hint" }, "Answers with the same place are equally good."),
    field("Ideal answer", ideal),
    el("div", { class: "row" }, saveIdeal),
  );
}
