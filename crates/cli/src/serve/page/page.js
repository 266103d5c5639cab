// Everything from outside becomes text, never markup: a message may contain anything.
"use strict";

const POLL_INTERVAL_MS = 1000;
const MAX_DELIVERIES = 200;
const MAX_REFUSED = 20;
const VISIBLE_ROWS = 8;

const deliveries = document.getElementById("deliveries");
const state = document.getElementById("state");
let newest = 0;

function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null));
  return node;
}

function pill(text, level) {
  return element("span", `pill ${level}`, String(text));
}

function statusLevel(status) {
  if (status >= 200 && status < 300) return "ok";
  return status >= 300 && status < 500 ? "warn" : "error";
}

const OUTCOME_LEVELS = { delivered: "ok", ignored: "warn", queued: "warn", rejected: "error", retry: "error" };

// A line that opens if there are details.
function row(line, details, ...below) {
  const texts = details.filter((text) => text !== null).map((text) => element("pre", "", text));
  if (texts.length === 0) return element("div", "row", element("div", "plain", ...line), ...below);
  const opening = element("details", "row", element("summary", "", ...line), ...texts);
  return element("div", "", opening, ...below);
}

function messageRow(message) {
  const line = [
    element("span", "kind", message.kind),
    element("span", "grows", message.name || message.message_id || `message ${message.index}`),
    pill(message.outcome, OUTCOME_LEVELS[message.outcome] ?? "warn"),
  ];
  const reason = message.detail === null ? null : element("p", "reason", `${message.reason}: ${message.detail}`);
  return row(line, [message.json], reason);
}

function requestRow(request) {
  const line = [
    element("span", "kind", request.method),
    element("span", "mono", request.path),
    element("span", "grows kind", request.summary ?? ""),
    request.status === 0 ? pill("no response", "error") : pill(request.status, statusLevel(request.status)),
  ];
  return row(line, [request.body, request.response]);
}

function side(title, rows, omitted, placeholder) {
  const hidden = rows.slice(VISIBLE_ROWS);
  const parts = rows.slice(0, VISIBLE_ROWS);
  if (rows.length === 0) parts.push(element("p", "none", placeholder));
  if (hidden.length > 0) parts.push(element("details", "row", element("summary", "", `${hidden.length} more`), ...hidden));
  if (omitted > 0) parts.push(element("p", "none", `and ${omitted} that are not kept here`));
  return element("section", "side", element("h2", "", title), ...parts);
}

// If not all messages are visible, those with a reason come first.
function sorted(messages) {
  if (messages.length <= VISIBLE_ROWS) return messages;
  const withReason = messages.filter((message) => message.detail !== null);
  const others = messages.filter((message) => message.detail === null);
  return [...withReason, ...others];
}

function card(delivery) {
  const receivedAt = new Date(delivery.received_at);
  const time = element("time", "about", receivedAt.toLocaleTimeString());
  time.dateTime = receivedAt.toISOString();
  const retryAfter = delivery.retry_after === null ? "" : `, Retry-After ${delivery.retry_after} s`;
  const about = `${delivery.bytes.toLocaleString("en")} bytes, ${delivery.duration_ms} ms${retryAfter}`;
  const head = element(
    "div",
    "head",
    time,
    pill(delivery.status, statusLevel(delivery.status)),
    element("span", "message", delivery.message),
    element("span", "about", about),
  );
  const messages = sorted(delivery.messages).map(messageRow);
  const sides = element(
    "div",
    "sides",
    side("Messages from Segment", messages, delivery.received - delivery.messages.length, "Nothing was parsed."),
    side("Requests to Klaviyo", delivery.requests.map(requestRow), 0, "Nothing was sent."),
  );
  const article = element("article", "delivery", head, sides);
  article.dataset.refused = delivery.refused;
  return article;
}

function show(update) {
  document.getElementById("klaviyo").textContent = update.klaviyo;
  if (update.deliveries.length === 0) return;
  newest = update.deliveries[0].number;
  document.getElementById("empty")?.remove();
  deliveries.prepend(...update.deliveries.map(card));
  for (const [refused, max] of [[false, MAX_DELIVERIES], [true, MAX_REFUSED]]) {
    const cards = deliveries.querySelectorAll(`[data-refused="${refused}"]`);
    [...cards].slice(max).forEach((article) => article.remove());
  }
}

function showLost(text) {
  state.textContent = text;
  state.className = "lost";
}

async function poll() {
  try {
    const response = await fetch(`deliveries/after/${newest}`);
    if (response.status === 403) return showLost("the tool was restarted: open the address in its terminal");
    if (!response.ok) throw new Error(response.statusText);
    show(await response.json());
    state.textContent = "live";
    state.className = "";
  } catch {
    showLost("no connection");
  }
  setTimeout(poll, POLL_INTERVAL_MS);
}

document.getElementById("endpoint").textContent = new URL("/segment", location.href).href;
poll();
