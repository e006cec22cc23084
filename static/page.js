// What every page may use: buttons that copy a text, menus that close when one looks elsewhere, a word where the log-in ended.
"use strict";

const SAID_MS = 2000;

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed by the browser";
  }
  setTimeout(() => {
    button.textContent = label;
  }, SAID_MS);
}

function showCopyButtons(root) {
  root.querySelectorAll("[data-copy][hidden]").forEach((button) => {
    button.hidden = false;
  });
}

function closeMenus(except) {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!except || !menu.contains(except)) {
      menu.open = false;
    }
  });
}

showCopyButtons(document);
document.addEventListener("htmx:load", (event) => showCopyButtons(event.target));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    copy(button);
  }
  closeMenus(event.target);
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (menu) {
    menu.querySelector("summary").focus();
    closeMenus();
  }
});
document.addEventListener("htmx:responseError", (event) => {
  const main = document.getElementById("content");
  if (event.detail.xhr.status === 401 && !document.getElementById("logged-out")) {
    const said = document.createElement("p");
    said.id = "logged-out";
    said.className = "message warning";
    said.setAttribute("role", "status");
    said.innerHTML = 'You are logged out, and this page cannot go on. Copy from it what you still need, and <a href="/console/login">log in</a>.';
    main.prepend(said);
  }
});
