// How a token is shown: its text with white space made visible, or bytes that are no text.

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const VISIBLE = { " ": "·", "\n": "⏎", "\t": "⇥" };

export function decoded(bytes) {
  try {
    return decoder.decode(new Uint8Array(bytes));
  } catch {
    return null;
  }
}

export function hex(bytes) {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

export function shown(bytes) {
  const text = decoded(bytes);
  if (text === null) return `⟨${hex(bytes)}⟩`;
  return text
    .replace(/[ \n\t]/g, (character) => VISIBLE[character])
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `⟨${c.codePointAt(0).toString(16)}⟩`);
}

export function percent(probability) {
  if (probability >= 0.9995) return "100%";
  if (probability < 0.0001) return "<0.01%";
  return `${(100 * probability).toFixed(probability < 0.1 ? 2 : 1)}%`;
}
