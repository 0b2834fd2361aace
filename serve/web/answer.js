// An answer as it comes: text, and thinking and calls of tools folded away.
import { el } from "./dom.js";

const REASONS = {
  length: "cut off: no more tokens were allowed",
  tool_calls: "calls a function of the caller",
};

// `add` takes the deltas of /v1/chat/completions in turn, `end` the reason why there are no more.
export function answer() {
  const body = el("div", { class: "body" });
  const element = el("article", { class: "message assistant writing", "aria-label": "Answer" }, body);
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
    part.node.textContent = part.text;
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

// The turn as messages of the API: a call, and what it returned, stands between two of text.
function messages(parts) {
  const found = [];
  let said = "";
  let number = 0;
  for (const part of parts) {
    if (part.kind === "text") said = part.text;
    if (part.kind !== "call" || part.call.error) continue;
    const id = `call_${++number}`;
    const asked = { name: part.call.name, arguments: JSON.stringify(part.call.arguments) };
    found.push(
      { role: "assistant", content: said, tool_calls: [{ id, type: "function", function: asked }] },
      { role: "tool", tool_call_id: id, content: part.call.result },
    );
    said = "";
  }
  if (said || !found.length) found.push({ role: "assistant", content: said });
  return found;
}
