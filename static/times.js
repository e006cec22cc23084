// Moments in the reader's own time zone; the page as it was sent has them in UTC, which a hover still shows.
"use strict";

const shown = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

function localize(root) {
  root.querySelectorAll("time[datetime]:not([title])").forEach((time) => {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.title = time.textContent;
      time.textContent = shown.format(moment);
    }
  });
}

localize(document);
document.addEventListener("htmx:load", (event) => localize(event.target));
document.addEventListener("rows:added", (event) => localize(event.detail));
