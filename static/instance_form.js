// What the form does without the server: the slider and the number agree, keys are made up, a pane bears its name.
"use strict";

function byId(id) {
  return document.getElementById(id);
}

function agree(slider, number) {
  slider.hidden = false;
  slider.value = number.value || 15;
  slider.addEventListener("input", () => {
    number.value = slider.value;
  });
  number.addEventListener("input", () => {
    slider.value = number.value;
  });
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes));
}

agree(byId("interval"), byId("id_refresh_minutes"));
const generate = byId("generate");
generate.hidden = false;
generate.addEventListener("click", () => {
  const field = byId("id_signature_key");
  field.value = newKey();
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
// A pane that is open stays so when the server sends the panes again. The event does not bubble: it is caught on its way.
document.addEventListener(
  "toggle",
  (event) => {
    const opened = event.target.querySelector?.('.pane-fields > input[name$="-opened"]');
    if (opened) {
      opened.value = event.target.open ? "on" : "";
    }
  },
  true,
);
document.addEventListener("input", (event) => {
  const pane = event.target.name?.endsWith("-resource") && event.target.closest(".pane");
  if (pane) {
    pane.querySelectorAll(".pane-name").forEach((name) => {
      name.textContent = event.target.value;
    });
    pane.querySelector("summary").setAttribute("aria-label", `Configure ${event.target.value}`);
  }
});
