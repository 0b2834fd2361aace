// An answer as it comes: text, and thinking and calls of tools folded away.
import { el } from "./dom.js";

const REASONS = {
  length: "cut off: no more tokens were allowed",
  tool_calls: "calls a function of the caller",
};

// `add` takes the deltas of /v1/chat/completions in turn, `end` the reason why there are no more.
export function answer() {
  const body = el("div", { class: "body" });
  const element = el(
    "article",
    { class: "message assistant writing", "aria-label": "Answer", "aria-busy": "true" },
    body,
  );
  // What came, in order: {kind: "text" | "thinking" | "call", ...}, with the node that shows it.
  const parts = [];

  function open(kind, node, shown) {
    parts.push({ kind, text: "", node: shown });
    body.append(node);
    return parts.at(-1);
  }

  function more(kind, text) {
    let part = parts.at(-1);
    if (part?.kind !== kind) {
      if (kind === "text") text = text.replace(/^\n+/, "");
      if (!text) return;
      const shown = el("div", { class: "text" });
      const folded = el("details", { class: "fold" }, el("summary", {}, "Thinking"), shown);
      part = open(kind, kind === "text" ? shown : folded, shown);
    }
    part.text += text;
    // Added rather than written anew, of which screen readers would read all again.
    part.node.append(text);
  }

  function called(call) {
    const title = call.error ? "A call that is none" : `Called ${call.name}`;
    const asked = call.error ?? written(call.arguments);
    open(
      "call",
      el(
        "details",
        { class: "fold call" },
        el("summary", {}, title),
        el("pre", {}, asked),
        el("div", { class: "returned" }, "returned"),
        el("pre", {}, call.result),
      ),
      null,
    );
    parts.at(-1).call = call;
  }

  return {
    element,
    parts,
    add(delta) {
      if (delta.reasoning_content) more("thinking", delta.reasoning_content);
      if (delta.content) more("text", delta.content);
      for (const call of delta.server_tool_calls ?? []) called(call);
    },
    end(reason) {
      element.classList.remove("writing");
      element.removeAttribute("aria-busy");
      const why = REASONS[reason] ?? (reason === "stop" ? "" : reason);
      const empty = parts.length ? "" : "nothing was said";
      const said = [empty, why].filter(Boolean).join("; ");
      if (said) body.append(el("p", { class: "reason" }, said));
    },
    text: () => parts.filter((part) => part.kind === "text").map((part) => part.text).join("\n\n"),
    messages: () => messages(parts),
  };
}

// What a call asks: code as it is, else the arguments by name.
function written(values) {
  const pairs = Object.entries(values);
  if (pairs.length === 1 && typeof pairs[0][1] === "string") return pairs[0][1];
  return JSON.stringify(values, null, 2);
}

// The turn as messages of the API, as the model wrote them: thinking, text and calls of a message
// are one, and what the calls returned follows it.
function messages(parts) {
  const found = [];
  let message = null;
  let results = [];
  let number = 0;
  let calling = null;

  function close() {
    if (message) found.push(message, ...results);
    message = null;
    results = [];
  }

  for (const part of parts) {
    if (part.kind === "call" && part.call.error) continue;
    if (results.length && part.call?.message !== calling) close();
    message ??= { role: "assistant", content: "" };
    if (part.kind === "thinking") message.reasoning_content = part.text;
    else if (part.kind === "text") {
      message.content = [message.content, part.text].filter(Boolean).join("\n\n");
    } else {
      const id = `call_${++number}`;
      const asked = { name: part.call.name, arguments: JSON.stringify(part.call.arguments) };
      (message.tool_calls ??= []).push({ id, type: "function", function: asked });
      results.push({ role: "tool", tool_call_id: id, content: part.call.result });
      calling = part.call.message;
    }
  }
  close();
  return found.length ? found : [{ role: "assistant", content: "" }];
}
