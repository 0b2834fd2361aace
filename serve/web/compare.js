// The view in which two models answer the same prompt, unnamed, until one is voted for.
import { answer } from "./answer.js";
import { button, el, field, status } from "./dom.js";
import { sampling } from "./sampling.js";
import { ask, choices, server } from "./server.js";

export const title = "Compare";

export function make() {
  // The two answers as they stand from left to right: {model, shown, pane}.
  let sides = [];
  let asked = null;
  let running = null;
  const prompt = el("textarea", { rows: 2 });
  const controls = sampling({ temperature: 0.7, top_p: 0.95, max_tokens: 256 });
  const go = button("Ask both", start, { class: "primary" });
  const stop = button("Stop", () => running?.abort(), { disabled: true });
  const pair = el("div", { class: "pair" });
  const state = status();
  const votes = [
    ["The left is better", [[0], [1]]],
    ["Equally good", [[0, 1]]],
    ["The right is better", [[1], [0]]],
  ].map(([text, ranking]) => button(text, () => vote(ranking), { disabled: true }));

  function refresh(votable) {
    go.disabled = running !== null;
    stop.disabled = running === null;
    votes.forEach((one) => (one.disabled = !votable));
  }

  async function start() {
    const text = prompt.value.trim();
    if (!text) return;
    let body;
    try {
      body = { messages: [{ role: "user", content: text }], ...controls.values() };
    } catch (error) {
      state.fail(error);
      return;
    }
    asked = body.messages;
    const models = server.info.models.slice(0, 2).map((one) => one.id);
    if (crypto.getRandomValues(new Uint8Array(1))[0] % 2) models.reverse();
    sides = models.map((name, n) => {
      const shown = answer();
      const heading = el("h2", {}, n ? "Right" : "Left");
      return { model: name, shown, heading, pane: el("section", {}, heading, shown.element) };
    });
    pair.replaceChildren(...sides.map((side) => side.pane));
    running = new AbortController();
    state.say("writing …");
    refresh(false);
    const ends = await Promise.allSettled(
      sides.map((side) => write(side, { ...body, model: side.model }, running.signal)),
    );
    running = null;
    const failed = ends.find((end) => end.status === "rejected");
    state.say(failed ? "stopped" : "Which answer is better?");
    if (failed) state.fail(failed.reason);
    refresh(!failed);
  }

  async function write(side, body, signal) {
    let reason = "stopped";
    try {
      for await (const choice of choices("v1/chat/completions", body, signal)) {
        side.shown.add(choice.delta);
        reason = choice.finish_reason ?? reason;
      }
    } finally {
      side.shown.end(reason);
    }
  }

  async function vote(ranking) {
    refresh(false);
    try {
      const saved = await ask("v1/labels", {
        messages: asked,
        answers: sides.map((side) => side.shown.text()),
        ranking,
        contenders: sides.map((side) => side.model),
      });
      state.say(`Saved: ${saved.lines} in ${saved.file}.`);
    } catch (error) {
      state.fail(error);
      refresh(true);
      return;
    }
    sides.forEach((side) => (side.heading.textContent = side.model));
  }

  const { labels } = server.info;
  return el(
    "div",
    { class: "compare" },
    field("Prompt", prompt),
    el("div", { class: "row" }, go, stop, state.element),
    pair,
    labels?.writable
      ? el("div", { class: "row votes", role: "group", "aria-label": "Vote" }, ...votes)
      : el("p", { class: "hint" }, "Votes cannot be kept: the server may not write labels."),
    el("p", { class: "hint" }, "Which model wrote which answer is told after the vote."),
    controls.element,
  );
}
