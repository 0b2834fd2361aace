// The page: tabs of views, the choice of a model and the key of the server.
import * as chat from "./chat.js";
import * as compare from "./compare.js";
import * as complete from "./complete.js";
import { button, el, field } from "./dom.js";
import * as inside from "./inside.js";
import * as label from "./label.js";
import * as next from "./next.js";
import { ask, key, server } from "./server.js";
import * as tokens from "./tokens.js";

const VIEWS = { chat, complete, tokens, next, inside, compare, label };
const RETRY_MS = 1000;

const tabs = document.getElementById("tabs");
const panels = document.getElementById("panels");
const notice = document.getElementById("notice");

function here() {
  return Object.keys(VIEWS).filter((name) => {
    if (name === "compare") return server.info.models.length > 1;
    return !["chat", "label"].includes(name) || server.info.models[0].chat;
  });
}

function build() {
  const names = here();
  tabs.replaceChildren();
  panels.replaceChildren();
  for (const name of names) {
    const tab = button(VIEWS[name].title, () => open(name), {
      role: "tab",
      id: `tab-${name}`,
      "aria-controls": `panel-${name}`,
      "aria-selected": "false",
      tabindex: -1,
    });
    const panel = el("section", {
      role: "tabpanel",
      id: `panel-${name}`,
      "aria-labelledby": tab.id,
      hidden: true,
    });
    tabs.append(tab);
    panels.append(panel);
  }
  const asked = location.hash.slice(1);
  open(names.includes(asked) ? asked : names[0]);
}

function open(name) {
  for (const tab of tabs.children) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.setAttribute("tabindex", chosen ? "0" : "-1");
    if (chosen) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  const panel = document.getElementById(`panel-${name}`);
  if (!panel.firstChild) panel.append(VIEWS[name].make());
  history.replaceState(null, "", `#${name}`);
}

tabs.addEventListener("keydown", (event) => {
  const all = [...tabs.children];
  const at = all.indexOf(document.activeElement);
  const steps = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 };
  if (at < 0 || !(event.key in steps)) return;
  const tab = all[steps[event.key] % all.length];
  event.preventDefault();
  tab.focus();
  tab.click();
});

function settings() {
  const models = el("select", {
    onchange: () => {
      server.model = name.textContent = models.value;
      build();
    },
  });
  models.append(...(server.info?.models ?? []).map((one) => el("option", {}, one.id)));
  const secret = el("input", { type: "password", autocomplete: "off", spellcheck: "false" });
  secret.value = key.get();
  // The browser's own name for whose key it is; without one it finds the form wanting.
  const whose = el("input", { autocomplete: "username", value: "server", hidden: true });
  const fields = el(
    "form",
    {
      class: "menu",
      onsubmit: (event) => {
        event.preventDefault();
        key.set(secret.value.trim());
        start();
      },
    },
    models.children.length > 1 ? field("Model", models) : null,
    whose,
    field("Key of the server", secret),
    el("div", { class: "row" }, el("button", { type: "submit" }, "Use this key")),
    el("p", { class: "hint" }, "Kept until this tab is closed."),
  );
  const name = el("summary", {}, server.model ?? "Settings");
  return el("details", { class: "settings", id: "settings" }, name, fields);
}

function tell(text) {
  notice.hidden = !text;
  notice.textContent = text;
}

async function start() {
  const place = document.getElementById("server");
  try {
    server.info = await ask("page_info");
    server.model = server.info.models[0].id;
    tell("");
    build();
  } catch (error) {
    if (error.status === 503) {
      tell(error.message);
      setTimeout(start, RETRY_MS);
    } else if (error.status === 401) tell("This server wants a key: give it under Settings.");
    else tell(error.message);
  }
  const made = settings();
  place.replaceChildren(made);
  made.open = notice.textContent !== "" && server.info === null;
}

// A menu is left by Escape, or by a click elsewhere.
document.addEventListener("keydown", (event) => {
  const menu = document.getElementById("settings");
  if (event.key !== "Escape" || !menu?.open || server.info === null) return;
  menu.open = false;
  menu.firstChild.focus();
});
document.addEventListener("click", (event) => {
  const menu = document.getElementById("settings");
  if (menu?.open && server.info !== null && !menu.contains(event.target)) menu.open = false;
});

addEventListener("hashchange", () => {
  const name = location.hash.slice(1);
  if (document.getElementById(`panel-${name}`)) open(name);
});

start();
