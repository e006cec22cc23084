// Moments in the reader's own time zone; the page as it was sent has them in UTC, which a hover still shows.
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

localize(document);
document.addEventListener("htmx:load", (event) => localize(event.target));
document.addEventListener("rows:added", (event) => localize(event.detail));
