// The logit lens as a table: a row for each layer, the last first, and a column for each token.
import { el } from "./dom.js";
import { percent, shown } from "./token_text.js";

export function lensTable(tokens, lens) {
  const last = lens.length - 1;
  const names = lens.map((_, n) => (n === 0 ? "embedding" : n === last ? "model" : `layer ${n}`));
  const top = el("tr", {}, el("th", { scope: "col" }, "after"));
  top.append(...tokens.map((token) => el("th", { scope: "col" }, shown(token.bytes))));
  const rows = lens.map((row, n) => {
    const made = el("tr", {}, el("th", { scope: "row" }, names[n]));
    made.append(...row.map((candidates, place) => cell(candidates, lens[last][place][0].id)));
    return made;
  });
  return el("table", { class: "lens" }, el("thead", {}, top), el("tbody", {}, ...rows.reverse()));
}

function cell(candidates, said) {
  const [best] = candidates;
  const made = el("td", {}, shown(best.bytes));
  made.title = candidates
    .map((one) => `${shown(one.bytes)} ${percent(one.probability)}`)
    .join("\n");
  made.append(el("span", { class: "share" }, percent(best.probability)));
  made.style.setProperty("--share", `${(80 * best.probability).toFixed(1)}%`);
  if (best.id === said) made.classList.add("same");
  return made;
}
