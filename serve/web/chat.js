// The view to talk with the model.
import { answer } from "./answer.js";
import { button, checkbox, el, field, status } from "./dom.js";
import { sampling } from "./sampling.js";
import { choices, model, server } from "./server.js";

export const title = "Chat";

export function make() {
  // Of each: the messages it is to the model, and the element that shows it.
  const turns = [];
  let running = null;
  const log = el("div", { class: "log", role: "log", "aria-label": "Conversation", tabindex: 0 });
  const empty = el("p", { class: "empty" }, "Say something to the model.");
  const system = el("textarea", { rows: 2, placeholder: "none" });
  const controls = sampling({ temperature: 0.7, top_p: 0.95, max_tokens: 512 });
  const switches = model().tools.map((name) => ({ name, ...checkbox(name, true) }));
  const input = el("textarea", { rows: 2, placeholder: "Enter sends, Shift+Enter begins a line" });
  const send = button("Send", submit, { class: "primary" });
  const stop = button("Stop", () => running?.abort(), { disabled: true });
  const again = button("Regenerate", regenerate, { disabled: true });
  const clear = button("New chat", reset, { disabled: true });
  const state = status();

  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  log.append(empty);

  function refresh() {
    empty.hidden = turns.length > 0;
    send.disabled = running !== null;
    stop.disabled = running === null;
    again.disabled = running !== null || turns.length === 0;
    clear.disabled = running !== null || turns.length === 0;
  }

  function reset() {
    turns.splice(0).forEach((turn) => turn.element.remove());
    state.say("");
    refresh();
    input.focus();
  }

  function submit() {
    const text = input.value.trim();
    if (!text || running) return;
    const element = el("article", { class: "message user", "aria-label": "You" }, text);
    turns.push({ messages: [{ role: "user", content: text }], element, mine: true });
    log.append(element);
    input.value = "";
    reply();
  }

  function regenerate() {
    while (turns.length && !turns.at(-1).mine) turns.pop().element.remove();
    if (turns.length) reply();
  }

  function request() {
    const messages = turns.flatMap((turn) => turn.messages);
    if (system.value.trim()) messages.unshift({ role: "system", content: system.value.trim() });
    const tools = switches.filter((one) => one.input.checked).map((one) => ({ type: one.name }));
    const found = { model: server.model, messages, ...controls.values() };
    return tools.length ? { ...found, tools } : found;
  }

  async function reply() {
    const shown = answer();
    let reason = "stopped";
    try {
      const body = request();
      running = new AbortController();
      log.append(shown.element);
      state.say("writing …");
      refresh();
      for await (const choice of choices("v1/chat/completions", body, running.signal)) {
        const near = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
        shown.add(choice.delta);
        if (near) log.scrollTop = log.scrollHeight;
        reason = choice.finish_reason ?? reason;
      }
      state.say("");
    } catch (error) {
      state.say("");
      state.fail(error);
      if (error.name !== "AbortError") reason = "failed";
    }
    running = null;
    shown.end(reason);
    if (shown.parts.length) turns.push({ messages: shown.messages(), element: shown.element });
    else shown.element.remove();
    if (reason === "stop" && !shown.parts.length) state.say("The model said nothing.");
    log.scrollTop = log.scrollHeight;
    refresh();
  }

  const tools = el("fieldset", { class: "tools" }, el("legend", {}, "Tools of the server"));
  tools.append(...switches.map((one) => one.element));
  return el(
    "div",
    { class: "chat" },
    el(
      "details",
      { class: "options" },
      el("summary", {}, "System message, sampling, tools"),
      field("System message", system),
      controls.element,
      switches.length ? tools : null,
    ),
    log,
    el(
      "div",
      { class: "composer" },
      field("Message", input),
      el("div", { class: "row" }, send, stop, again, clear, state.element),
    ),
  );
}
