// The live tail: while the box is ticked, what came in is put on top every two seconds.
"use strict";

const EVERY_MS = 2000;
const live = document.getElementById("live");
if (live && document.getElementById("tail")) {
  document.getElementById("live-label").hidden = false;
  setInterval(() => {
    if (live.checked && !document.hidden) {
      htmx.trigger("#tail", "tail");
    }
  }, EVERY_MS);
}
