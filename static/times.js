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
}

localizeAll(document);
document.addEventListener("htmx:load", (event) => localizeAll(event.target));
document.addEventListener("rows:added", (event) => localize(event.detail));
