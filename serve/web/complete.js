// The view in which the model goes on with a text.
import { button, el, field, status } from "./dom.js";
import { sampling } from "./sampling.js";
import { choices, server } from "./server.js";

export const title = "Complete";

export function make() {
  let running = null;
  const before = [];
  const text = el("textarea", {
    rows: 14,
    class: "page",
    placeholder: "The beginning of any text",
    spellcheck: "false",
  });
  const controls = sampling({ temperature: 0.8, top_p: 0.95, max_tokens: 128 });
  const go = button("Complete", complete, { class: "primary" });
  const stop = button("Stop", () => running?.abort(), { disabled: true });
  const undo = button("Take back", takeBack, { disabled: true });
  const state = status();

  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (!running) complete();
  });

  function refresh() {
    go.disabled = text.readOnly = running !== null;
    stop.disabled = running === null;
    undo.disabled = running !== null || before.length === 0;
  }

  function takeBack() {
    text.value = before.pop();
    state.say("");
    refresh();
  }

  async function complete() {
    let reason = "";
    try {
      const body = { model: server.model, prompt: text.value, ...controls.values() };
      running = new AbortController();
      before.push(text.value);
      state.say("writing …");
      refresh();
      for await (const choice of choices("v1/completions", body, running.signal)) {
        text.value += choice.text;
        text.scrollTop = text.scrollHeight;
        reason = choice.finish_reason ?? reason;
      }
      state.say(reason === "stop" ? "The text has ended." : "Complete again to go on.");
    } catch (error) {
      state.say("stopped");
      state.fail(error);
    }
    running = null;
    if (before.at(-1) === text.value) before.pop();
    refresh();
  }

  return el(
    "div",
    { class: "complete" },
    field("Text", text),
    el("div", { class: "row" }, go, stop, undo, state.element),
    el("p", { class: "hint" }, "Ctrl+Enter completes. The text can be changed at any place."),
    controls.element,
  );
}
