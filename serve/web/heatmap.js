// A picture of attention: a row for each token that reads, a column for each that is read.
import { el } from "./dom.js";

const SIZES = { small: 72, large: 288 };
const dark = matchMedia("(prefers-color-scheme: dark)");

export function heatmap(size) {
  const pixels = SIZES[size] * Math.ceil(devicePixelRatio || 1);
  const element = el("canvas", {
    class: `heatmap ${size}`,
    width: pixels,
    height: pixels,
    role: "img",
    "aria-label": "Attention: rows read, columns are read; the list beside says it in words",
  });
  let last = null;

  // Rows of numbers from 0 to 1, the first of one number; one of them may be marked.
  function show(rows, marked = null) {
    last = [rows, marked];
    const style = getComputedStyle(document.documentElement);
    const pen = element.getContext("2d");
    const side = pixels / rows.length;
    pen.clearRect(0, 0, pixels, pixels);
    pen.fillStyle = style.getPropertyValue("--accent");
    rows.forEach((row, y) => {
      row.forEach((weight, x) => {
        // The root, so that small weights can be seen at all.
        pen.globalAlpha = Math.sqrt(weight);
        const [left, top] = [Math.floor(x * side), Math.floor(y * side)];
        pen.fillRect(left, top, Math.floor((x + 1) * side) - left, Math.floor((y + 1) * side) - top);
      });
    });
    pen.globalAlpha = 1;
    if (marked === null) return;
    pen.strokeStyle = style.getPropertyValue("--text");
    pen.lineWidth = pixels / SIZES[size];
    pen.strokeRect(0.5, marked * side + 0.5, Math.max(side * (marked + 1) - 1, 1), side - 1);
  }

  dark.addEventListener("change", () => {
    if (last && element.isConnected) show(...last);
  });
  return { element, show };
}
