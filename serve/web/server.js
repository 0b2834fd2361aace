// What the page knows of its server, and how it asks it: JSON, and events one after another.

const KEY = "primer-key";

// `info` is what /page_info says; `model` is the name of the one in use.
export const server = { info: null, model: null };

// The key that the server wants to see, kept until the tab is closed.
export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
};

export function model() {
  return server.info.models.find((one) => one.id === server.model);
}

async function request(path, body, signal) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key.get()) headers["Authorization"] = `Bearer ${key.get()}`;
  const options = { headers, signal, method: body === undefined ? "GET" : "POST" };
  if (body !== undefined) options.body = JSON.stringify(body);
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server cannot be reached.");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => null);
  const failure = new Error(said?.error?.message ?? `The server answers ${response.status}.`);
  failure.status = response.status;
  throw failure;
}

// The JSON that a route answers.
export async function ask(path, body, signal) {
  return (await request(path, body, signal)).json();
}

// What a model writes, choice by choice, to its end.
export async function* choices(path, body, signal) {
  for await (const event of stream(path, body, signal)) {
    const [choice] = event.choices;
    if (choice) yield choice;
  }
}

// The JSON of each event of a stream, to its end.
async function* stream(path, body, signal) {
  const response = await request(path, { ...body, stream: true }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The stream broke off.");
    const events = (held + value).split("\n\n");
    held = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      const said = JSON.parse(data);
      if (said.error) throw new Error(said.error.message);
      yield said;
    }
  }
}
