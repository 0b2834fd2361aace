// Elements of the page. Text only ever becomes text: nothing here, or elsewhere in this folder,
// reads a string as HTML.

// An element with attributes (those whose name begins with "on" are listeners; true and false
// switch one on and off) and children, which are elements or strings.
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined)
      made.setAttribute(key, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

let labels = 0;

// A label and the control that it names.
export function field(text, control, attributes = {}) {
  control.id ||= `control-${++labels}`;
  return el("div", { class: "field", ...attributes }, el("label", { for: control.id }, text), control);
}

export function checkbox(text, checked = false) {
  const input = el("input", { type: "checkbox", checked });
  return { element: el("label", { class: "check" }, input, text), input };
}

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

// A line that says what happens, or what went wrong, to those who see it and those who hear it.
export function status() {
  const element = el("p", { class: "status", role: "status" });
  return {
    element,
    say(text) {
      element.classList.remove("wrong");
      element.textContent = text;
    },
    fail(error) {
      if (error.name === "AbortError") return;
      element.classList.add("wrong");
      element.textContent = error.message;
    },
  };
}
