// Moments in the reader's own time zone, shown and typed; the page as it was sent has them in UTC, which a hover still
// shows, and what a form sends, and so a shared link, is UTC again.
"use strict";

const shown = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

const clock = new Intl.DateTimeFormat("sv-SE", { timeStyle: "short" });

function localize(root) {
  root.querySelectorAll("time[datetime]:not([title])").forEach((time) => {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.title = time.textContent.includes("UTC") ? time.textContent : `${time.textContent} UTC`;
      time.textContent = (time.dataset.form === "clock" ? clock : shown).format(moment);
    }
  });
}

// Distances, as `3 min ago`, grow while one looks: reckoned from what the page said and the time that passed since then.
const TICK_MS = 5000;
const zeros = new WeakMap(); // each distance's moment, on the reader's clock, whatever that says
let ticking = null;

function span(seconds) {
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor((seconds % 86400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (days) {
    return hours ? `${days} d ${hours} h` : `${days} d`;
  }
  if (hours) {
    return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  return minutes ? `${minutes} min` : `${seconds} s`;
}

function tick() {
  document.querySelectorAll("time[data-ago]").forEach((time) => {
    if (!zeros.has(time)) {
      zeros.set(time, Date.now() - Number(time.dataset.ago) * 1000);
    }
    const seconds = Math.round((Date.now() - zeros.get(time)) / 1000);
    // What lay ahead has come by now, but not by what this page knows: it does not say that it is late.
    const past = Number(time.dataset.ago) < 0 ? "now" : `${span(seconds)} ago`;
    const words = seconds < 0 ? `in ${span(-seconds)}` : past;
    if (time.textContent !== words) {
      time.textContent = words;
    }
  });
}

function tickWhileSeen() {
  clearInterval(ticking);
  if (!document.hidden) {
    tick();
    ticking = setInterval(tick, TICK_MS);
  }
}

function localText(moment) {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
  return shifted.toISOString().slice(0, 16);
}

function utcText(typed) {
  return typed ? new Date(typed).toISOString().slice(0, 16) : "";
}

function localizeFields(root) {
  root.querySelectorAll("input[type=datetime-local]").forEach((field) => {
    field.labels.forEach((label) => {
      label.textContent = label.textContent.replace("(UTC)", "(your time)");
    });
    // What the browser has put back into the field, as after a reload, is in the reader's zone already.
    if (field.value && field.value === field.defaultValue) {
      field.value = localText(new Date(`${field.value}Z`));
    }
    field.form.addEventListener("formdata", (event) => event.formData.set(field.name, utcText(field.value)));
  });
}

function localizeAll(root) {
  localize(root);
  localizeFields(root);
  tick(); // takes note of what is new
}

localizeAll(document);
tickWhileSeen();
document.addEventListener("visibilitychange", tickWhileSeen);
document.addEventListener("htmx:load", (event) => localizeAll(event.target));
document.addEventListener("rows:added", (event) => localize(event.detail));
