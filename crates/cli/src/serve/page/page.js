// Everything from outside becomes text, never markup: a message may contain anything.
"use strict";

const POLL_INTERVAL_MS = 1000;
const MAX_DELIVERIES = 200;
const MAX_REFUSED = 20;
const ROWS_AT_A_TIME = 100;
const OUTCOMES = ["delivered", "ignored", "queued", "rejected", "retry", "refused"];
const LEVELS = { delivered: "ok", ignored: "quiet", queued: "warn", rejected: "error", retry: "error", refused: "error" };

const find = (id) => document.getElementById(id);
const list = find("messages");
const search = find("search");
let deliveries = [];
let newest = 0;
let outcome = null;
let visible = ROWS_AT_A_TIME;
const open = new Set();

function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null));
  return node;
}

function button(label, onClick) {
  const node = element("button", "", label);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

function pill(text, level) {
  return element("span", `pill ${level}`, String(text));
}

function statusLevel(status) {
  if (status >= 200 && status < 300) return "ok";
  return status >= 300 && status < 500 ? "warn" : "error";
}

// One row for each message; a delivery without any, such as one that is refused, has a row too.
function rowsOf(delivery) {
  const requests = (places) => (places ?? []).map((place) => delivery.requests[place]).filter(Boolean);
  const rows = delivery.messages.map((message) => ({
    key: `${delivery.number}-${message.index}`,
    delivery,
    message,
    outcome: message.outcome,
    name: message.name || message.message_id || `message ${message.index}`,
    kind: message.kind,
    requests: message.requests === null ? null : requests(message.requests),
  }));
  const omitted = delivery.received - delivery.messages.length;
  if (rows.length === 0 || omitted > 0) {
    const name = rows.length === 0 ? delivery.message : `${omitted} more messages that are not kept here`;
    const kept = rows.length === 0 ? delivery.requests : null;
    const found = delivery.refused ? "refused" : delivery.status === 200 ? "delivered" : "rejected";
    rows.push({ key: `${delivery.number}-rest`, delivery, message: null, outcome: found, name, kind: "", requests: kept });
  }
  return rows.map((row) => ({ ...row, text: searchText(row) }));
}

function searchText({ delivery, message, name, requests }) {
  const parts = [name, delivery.status, delivery.message];
  if (message) parts.push(message.kind, message.message_id, message.outcome, message.reason, message.detail, message.json);
  for (const request of requests ?? []) parts.push(request.path, request.summary);
  return parts.filter((part) => part !== null).join("\n").toLowerCase();
}

function requestsText(row) {
  if (row.requests === null) return "";
  if (row.requests.length === 0) return "no request";
  const failed = row.requests.filter((request) => request.status < 200 || request.status >= 300).length;
  const count = row.requests.length === 1 ? "1 request" : `${row.requests.length} requests`;
  return failed === 0 ? count : `${count}, ${failed} not accepted`;
}

function rowNode(row) {
  const receivedAt = new Date(row.delivery.received_at);
  const time = element("time", "soft", receivedAt.toLocaleTimeString());
  time.dateTime = receivedAt.toISOString();
  const hasWarning = row.outcome === "delivered" && row.message?.reason;
  const level = hasWarning ? "warn" : LEVELS[row.outcome] ?? "warn";
  const summary = element(
    "summary",
    "",
    time,
    pill(hasWarning ? "warning" : row.outcome, level),
    element("span", "name", row.kind ? element("span", "soft", `${row.kind} `) : null, row.name),
    element("span", "reason soft", row.message?.reason ?? ""),
    element("span", "count soft", requestsText(row)),
    element("span", "status soft", String(row.delivery.status)),
  );
  const node = element("details", `row ${level}`, summary);
  node.dataset.key = row.key;
  node.dataset.outcome = row.outcome;
  node.addEventListener("toggle", () => {
    if (!node.open) {
      open.delete(row.key);
      return;
    }
    open.add(row.key);
    if (node.children.length === 1) node.append(detailsNode(row));
  });
  node.open = open.has(row.key);
  return node;
}

function detailsNode(row) {
  const { delivery, message } = row;
  const output = element("div", "output");
  const actions = element("div", "actions");
  if (delivery.is_kept) {
    if (message) actions.append(button("Explain", (event) => explain(event.target, row, output)));
    actions.append(button("Resend", (event) => resend(event.target, delivery, output)));
    actions.append(button("Copy as curl", (event) => copyAsCurl(event.target, delivery, output)));
  }
  const retryAfter = delivery.retry_after === null ? "" : `, Retry-After ${delivery.retry_after} s`;
  const about = `Delivery ${delivery.number}: ${delivery.status}, ${delivery.message} · ` +
    `${delivery.received} ${delivery.received === 1 ? "message" : "messages"}, ` +
    `${delivery.bytes.toLocaleString("en")} bytes, ${delivery.duration_ms} ms${retryAfter}`;
  const reason = message?.detail ? element("p", "", `${message.reason}: ${message.detail}`) : null;
  const id = message?.message_id ? element("p", "soft", "messageId ", element("code", "", message.message_id)) : null;
  const left = element("section", "side", element("h2", "", "Message from Segment"), id);
  left.append(message?.json ? element("pre", "", message.json) : element("p", "soft", "Nothing was parsed or kept."));
  const right = element("section", "side", element("h2", "", "Requests to Klaviyo"), ...requestNodes(row));
  return element("div", "details", reason, element("p", "soft", about), actions, output, element("div", "sides", left, right));
}

function requestNodes(row) {
  if (row.requests === null) return [element("p", "soft", "This delivery is too large to tell which they are.")];
  if (row.requests.length === 0) return [element("p", "soft", "Nothing was sent.")];
  return row.requests.map((request) => {
    const line = element(
      "summary",
      "",
      request.status === 0 ? pill("no response", "error") : pill(request.status, statusLevel(request.status)),
      element("span", "mono", ` ${request.method} ${request.path} `),
      element("span", "soft", request.summary ?? ""),
    );
    const texts = [request.body, request.response].filter((text) => text !== null);
    return element("details", "request", line, ...texts.map((text) => element("pre", "", text)));
  });
}

async function fetchText(path, options) {
  const response = await fetch(path, options);
  const text = await response.text();
  if (!response.ok) throw new Error(text || `the tool answers ${response.status}`);
  return text;
}

// Shows what an action brings, or why it failed.
async function act(source, output, work) {
  source.disabled = true;
  try {
    output.replaceChildren(await work());
  } catch (error) {
    output.replaceChildren(element("p", "failed", String(error.message)));
  }
  source.disabled = false;
}

function explain(source, row, output) {
  return act(source, output, async () => {
    output.replaceChildren(element("p", "soft", "explaining…"));
    return element("pre", "", await fetchText(`deliveries/${row.delivery.number}/explain/${row.message.index}`));
  });
}

function resend(source, delivery, output) {
  return act(source, output, async () => {
    const status = await fetchText(`deliveries/${delivery.number}/resend`, { method: "POST" });
    return element("p", "", `Sent again: ${status}. It is at the top of the list.`);
  });
}

function copyAsCurl(source, delivery, output) {
  return act(source, output, async () => {
    const command = await fetchText(`deliveries/${delivery.number}/curl`);
    const text = element("pre", "", command);
    return element("div", "", element("p", "soft", await copied(command)), text);
  });
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied.";
  } catch {
    return "The browser does not let the page copy it: select the text.";
  }
}

function matches(row) {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  return (outcome === null || row.outcome === outcome) && words.every((word) => row.text.includes(word));
}

function render() {
  const rows = deliveries.flatMap((delivery) => delivery.rows);
  const found = rows.filter(matches);
  const focused = document.activeElement?.closest("details.row")?.dataset.key;
  // Rows that stay keep their nodes, and with them what was opened inside.
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  list.replaceChildren(...found.slice(0, visible).map((row) => known.get(row.key) ?? rowNode(row)));
  if (focused) list.querySelector(`[data-key="${focused}"] summary`)?.focus();
  find("empty").hidden = rows.length > 0;
  find("filters").hidden = rows.length === 0;
  find("no-match").hidden = rows.length === 0 || found.length > 0;
  const more = found.length - visible;
  find("more").hidden = more <= 0;
  find("more").textContent = `Show ${Math.min(more, ROWS_AT_A_TIME)} more of ${more.toLocaleString("en")}`;
  renderOutcomes(rows);
}

function renderOutcomes(rows) {
  const counts = new Map(OUTCOMES.map((name) => [name, 0]));
  for (const row of rows) counts.set(row.outcome, (counts.get(row.outcome) ?? 0) + 1);
  const choice = (name, label, level) => {
    const node = button(label, () => choose(name));
    node.className = `pill ${level}`;
    node.setAttribute("aria-pressed", String(outcome === name));
    return node;
  };
  const shown = OUTCOMES.filter((name) => counts.get(name) > 0 || name === outcome);
  const had = find("outcomes").contains(document.activeElement);
  find("outcomes").replaceChildren(
    choice(null, `all ${rows.length}`, "quiet"),
    ...shown.map((name) => choice(name, `${name} ${counts.get(name)}`, LEVELS[name])),
  );
  if (had) find("outcomes").querySelector("[aria-pressed=true]")?.focus();
}

function choose(name) {
  outcome = outcome === name ? null : name;
  visible = ROWS_AT_A_TIME;
  render();
}

function clearFilters() {
  search.value = "";
  outcome = null;
  visible = ROWS_AT_A_TIME;
  render();
}

function show(update) {
  find("klaviyo").textContent = update.klaviyo;
  find("endpoint").textContent = update.endpoint;
  find("example").textContent = update.example;
  if (update.deliveries.length > 0) {
    newest = update.deliveries[0].number;
    deliveries = [...update.deliveries.map((delivery) => ({ ...delivery, rows: rowsOf(delivery) })), ...deliveries];
    const kept = { true: MAX_REFUSED, false: MAX_DELIVERIES };
    deliveries = deliveries.filter((delivery) => kept[delivery.refused]-- > 0);
  } else if (!find("empty").hidden || deliveries.length > 0) {
    return;
  }
  render();
}

function showLost(text) {
  find("state").textContent = text;
  find("state").className = "lost";
}

async function poll() {
  try {
    const response = await fetch(`deliveries/after/${newest}`);
    if (response.status === 403) return showLost("the tool was restarted: open the address in its terminal");
    if (!response.ok) throw new Error(response.statusText);
    show(await response.json());
    find("state").textContent = "live";
    find("state").className = "";
  } catch {
    showLost("no connection");
  }
  setTimeout(poll, POLL_INTERVAL_MS);
}

function focusRow(step) {
  const summaries = [...list.querySelectorAll("details.row > summary")];
  const current = document.activeElement?.closest("details.row");
  const index = summaries.findIndex((summary) => summary.parentElement === current);
  summaries[Math.max(0, Math.min(summaries.length - 1, index + step))]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    clearFilters();
    search.blur();
    return;
  }
  if (event.target === search) return;
  if (event.key === "/") {
    event.preventDefault();
    search.focus();
  } else if (event.key === "j") focusRow(1);
  else if (event.key === "k") focusRow(-1);
});

find("filters").addEventListener("submit", (event) => event.preventDefault());
search.addEventListener("input", () => {
  visible = ROWS_AT_A_TIME;
  render();
});
find("clear").addEventListener("click", clearFilters);
find("more").addEventListener("click", () => {
  visible += ROWS_AT_A_TIME;
  render();
});
find("copy-example").addEventListener("click", async (event) => {
  event.target.textContent = await copied(find("example").textContent);
});
find("filters").hidden = true;
poll();
