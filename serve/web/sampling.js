// The controls of sampling, and what they say.
import { el, field } from "./dom.js";

const CONTROLS = [
  ["temperature", "Temperature", { min: 0, max: 2, step: 0.05 }],
  ["top_p", "Top p", { min: 0, max: 1, step: 0.01 }],
  ["max_tokens", "Most tokens", { min: 1, step: 1 }],
  ["seed", "Seed", { min: 0, step: 1, placeholder: "random" }],
];

// `values()` gives the fields of a request; a control that is empty is left to the server.
export function sampling(defaults) {
  const inputs = {};
  const element = el("fieldset", { class: "sampling" }, el("legend", {}, "Sampling"));
  for (const [name, title, range] of CONTROLS) {
    const value = defaults[name] ?? "";
    inputs[name] = el("input", { type: "number", inputmode: "decimal", name, value, ...range });
    element.append(field(title, inputs[name]));
  }
  return {
    element,
    values() {
      const found = {};
      for (const [name, input] of Object.entries(inputs)) {
        if (!input.validity.valid) {
          input.focus();
          throw new Error(`${name}: ${input.validationMessage}`);
        }
        if (input.value !== "") found[name] = Number(input.value);
      }
      return found;
    },
  };
}
