// The event log while one looks at it: rows that come in.
"use strict";

const EVERY_MS = 2000;
const MOST_ROWS = 500;
const MOST_UNSETTLED = 100;
const live = document.getElementById("live");
const note = document.getElementById("live-note");
let came = 0;
let failures = 0;
let turn = 0; // grows with every press, so that only one loop runs

function idOf(row) {
  return Number(row.id.slice("change-".length));
}

function put(row, body) {
  const known = document.getElementById(row.id);
  if (known) {
    known.replaceWith(row);
    return;
  }
  const next = [...body.rows].find((other) => idOf(other) < idOf(row)) ?? null;
  row.classList.add("came");
  body.insertBefore(row, next);
  came += 1;
}

function show(html) {
  const body = document.getElementById("changes");
  const rows = [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("tr[id]")];
  rows.forEach((row) => put(document.importNode(row, true), body));
  while (body.rows.length > MOST_ROWS) {
    body.lastElementChild.remove();
  }
  if (rows.length) {
    document.getElementById("nothing")?.remove();
    const table = document.getElementById("come-in");
    if (table) {
      table.hidden = false;
    }
    document.dispatchEvent(new CustomEvent("rows:added", { detail: body }));
  }
}

function say(text) {
  if (note.textContent !== text) {
    note.textContent = text;
  }
}

async function look() {
  const unsettled = [...document.querySelectorAll("#changes tr[data-unsettled]")].slice(0, MOST_UNSETTLED).map(idOf);
  const url = `${live.dataset.url}&after=${live.dataset.after}&unsettled=${unsettled.join(",")}`;
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  const after = answer.headers.get("Tail-After");
  if (!answer.ok || after === null) {
    throw new Error(answer.redirected ? "Logged out: load this page again" : `The hub answered ${answer.status}`);
  }
  const html = await answer.text();
  if (isLive()) {
    show(html);
    live.dataset.after = after;
  }
}

function isLive() {
  return live.getAttribute("aria-pressed") === "true";
}

async function run(mine) {
  while (mine === turn && isLive()) {
    if (!document.hidden) {
      try {
        await look();
        failures = 0;
        say(came ? `${came} new` : "Waiting for changes");
      } catch (error) {
        failures += 1;
        say(`${error.message}; trying again`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS * Math.min(2 ** failures, 16)));
  }
}

if (live) {
  live.hidden = false;
  live.addEventListener("click", () => {
    const on = !isLive();
    turn += 1;
    live.setAttribute("aria-pressed", String(on));
    live.textContent = on ? "Pause" : "Live";
    say(on ? "Waiting for changes" : "Paused");
    if (on) {
      run(turn);
    }
  });
  if ("begins" in live.dataset) {
    live.click();
  }
}
