// Everything from outside becomes text, never markup: a message may say anything.
"use strict";

const PAUSE_MS = 1000;
const MOST_DELIVERIES = 200;
const MOST_REFUSALS = 20;
const ROWS_SHOWN = 8;

const deliveries = document.getElementById("deliveries");
const state = document.getElementById("state");
let newest = 0;

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null));
  return made;
}

function pill(text, look) {
  return element("span", `pill ${look}`, String(text));
}

function lookOfStatus(status) {
  if (status >= 200 && status < 300) return "good";
  return status >= 300 && status < 500 ? "fair" : "bad";
}

const LOOK_OF_OUTCOME = { delivered: "good", ignored: "fair", queued: "fair", rejected: "bad", retry: "bad" };

// A line that opens when there is more to see of it.
function row(line, full, ...below) {
  const texts = full.filter((text) => text !== null).map((text) => element("pre", "", text));
  if (texts.length === 0) return element("div", "row", element("div", "plain", ...line), ...below);
  const details = element("details", "row", element("summary", "", ...line), ...texts);
  return element("div", "", details, ...below);
}

function message(it) {
  const line = [
    element("span", "kind", it.kind),
    element("span", "grows", it.name || it.message_id || `message ${it.index}`),
    pill(it.outcome, LOOK_OF_OUTCOME[it.outcome] ?? "fair"),
  ];
  const why = it.detail === null ? null : element("p", "why", `${it.reason}: ${it.detail}`);
  return row(line, [it.full], why);
}

function call(it) {
  const line = [
    element("span", "kind", it.method),
    element("span", "mono", it.path),
    element("span", "grows kind", it.about ?? ""),
    pill(it.status === 0 ? "no answer" : it.status, it.status === 0 ? "bad" : lookOfStatus(it.status)),
  ];
  return row(line, [it.full, it.answer]);
}

function side(title, items, made, leftOut, none) {
  const rows = items.map(made);
  const hidden = rows.splice(ROWS_SHOWN);
  const more = hidden.length === 0 ? null : element("details", "row", element("summary", "", `${hidden.length} more`), ...hidden);
  const gone = leftOut > 0 ? element("p", "none", `and ${leftOut} that are not kept here`) : null;
  const nothing = items.length === 0 ? element("p", "none", none) : null;
  return element("section", "side", element("h2", "", title), ...rows, more, gone, nothing);
}

// Of many messages, those that were not simply delivered are seen first.
function inView(messages) {
  if (messages.length <= ROWS_SHOWN) return messages;
  const said = (it) => it.detail !== null;
  return [...messages.filter(said), ...messages.filter((it) => !said(it))];
}

function delivery(it) {
  const when = element("time", "about", new Date(it.at).toLocaleTimeString());
  when.dateTime = new Date(it.at).toISOString();
  const again = it.retry_after === null ? "" : `, Retry-After ${it.retry_after} s`;
  const about = element("span", "about", `${it.bytes.toLocaleString("en")} bytes, ${it.took_ms} ms${again}`);
  const head = element("div", "head", when, pill(it.status, lookOfStatus(it.status)), element("span", "said", it.message), about);
  const sides = element(
    "div",
    "sides",
    side("Segment sent", inView(it.messages), message, it.received - it.messages.length, "Nothing that was looked at."),
    side("Klaviyo got", it.calls, call, 0, "Nothing."),
  );
  const card = element("article", "delivery", head, sides);
  card.dataset.refused = it.refused;
  return card;
}

function show(news) {
  document.getElementById("klaviyo").textContent = news.klaviyo;
  if (news.deliveries.length === 0) return;
  newest = news.deliveries[0].number;
  document.getElementById("empty")?.remove();
  deliveries.prepend(...news.deliveries.map(delivery));
  for (const [refused, most] of [[false, MOST_DELIVERIES], [true, MOST_REFUSALS]]) {
    const cards = deliveries.querySelectorAll(`[data-refused="${refused}"]`);
    [...cards].slice(most).forEach((card) => card.remove());
  }
}

function lost(text) {
  state.textContent = text;
  state.className = "lost";
}

async function look() {
  try {
    const answer = await fetch(`deliveries/after/${newest}`);
    if (answer.status === 403) return lost("another run: open the address that its terminal shows");
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.json());
    state.textContent = "live";
    state.className = "";
  } catch {
    lost("no connection");
  }
  setTimeout(look, PAUSE_MS);
}

document.getElementById("endpoint").textContent = new URL("/segment", location.href).href;
look();
