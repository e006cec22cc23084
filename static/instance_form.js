// What the form does without the server: the slider and the number agree, keys are made up, a pane bears its name.
"use strict";

function byId(id) {
  return document.getElementById(id);
}

// Above its end the slider would show another interval than the number: there it is hidden.
function agree(slider, number) {
  function follow() {
    slider.hidden = Number(number.value) > Number(slider.max);
    slider.value = number.value || 15;
  }

  follow();
  slider.addEventListener("input", () => {
    number.value = slider.value;
  });
  number.addEventListener("input", follow);
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
