// The view that splits a text into tokens.
import { checkbox, el, field, status } from "./dom.js";
import { ask, server } from "./server.js";
import { strip } from "./strip.js";
import { hex, shown } from "./token_text.js";

export const title = "Tokens";

const EXAMPLE = "The quick brown fox jumps over 13 lazy dogs.\nZoë reads 日本語 😀";
const WAIT_MS = 150;

export function make() {
  let tokens = [];
  let timer = null;
  let asking = null;
  const text = el("textarea", { rows: 4, spellcheck: "false" });
  text.value = EXAMPLE;
  const control = checkbox("Names of control tokens are control tokens");
  const state = status();
  const row = strip("Tokens", describe);
  const details = el("dl", { class: "details" });

  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(split, WAIT_MS);
  });
  control.input.addEventListener("change", split);

  function describe(number) {
    const token = tokens[number];
    details.replaceChildren();
    if (!token) return;
    for (const [name, value] of [
      ["Token", shown(token.bytes)],
      ["Id", String(token.id)],
      ["Bytes", hex(token.bytes)],
      ["Place", `${number + 1} of ${tokens.length}`],
    ])
      details.append(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  }

  async function split() {
    asking?.abort();
    asking = new AbortController();
    const said = text.value;
    try {
      const body = {
        model: server.model,
        prompt: said,
        parse_special: control.input.checked,
        return_token_bytes: true,
      };
      const found = await ask("tokenize", body, asking.signal);
      tokens = found.tokens.map((id, n) => ({ id, bytes: found.token_bytes[n] }));
      const room = row.show(tokens, 0);
      describe(0);
      const bytes = tokens.reduce((sum, token) => sum + token.bytes.length, 0);
      const each = tokens.length ? `, ${(bytes / tokens.length).toFixed(2)} bytes a token` : "";
      const left = room < tokens.length ? `; the first ${room} are shown` : "";
      state.say(
        `${tokens.length} tokens, ${[...said].length} characters, ${bytes} bytes${each}${left}`,
      );
    } catch (error) {
      state.fail(error);
    }
  }

  split();
  return el(
    "div",
    { class: "tokens" },
    field("Text", text),
    control.element,
    state.element,
    row.element,
    details,
  );
}
