// Small comforts over pages that work without them. Everything listens on the document, so swapped content needs no set-up.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
const iconsUrl = meta("icons-url");

// ---- toasts -------------------------------------------------------------------------------------------------------

const TOAST_ICONS = { passed: "circle-check", failed: "circle-x", error: "triangle-alert", note: "info" };
const TOAST_MS = 8000;

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${iconsUrl}#${name}`);
  svg.append(use);
  return svg;
}

function letGo(toast) {
  // errors and offers to undo stay until dismissed; the others wait while somebody is at them
  if (toast.querySelector(".is-failed, .is-error, form")) return;
  setTimeout(() => (toast.matches(":hover, :focus-within") ? letGo(toast) : toast.remove()), TOAST_MS);
}

function showToast(text, kind = "note") {
  const shelf = document.getElementById("toasts");
  if (!shelf || !text) return;
  if ([...shelf.children].some((toast) => toast.dataset.text === text)) return; // a poll that fails says so once
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.dataset.text = text;
  const words = document.createElement("span");
  words.className = kind === "note" ? "outcome" : `outcome is-${kind}`;
  const sentence = document.createElement("span");
  sentence.textContent = text;
  words.append(icon(TOAST_ICONS[kind] ?? "info"), sentence);
  const close = document.createElement("button");
  close.className = "btn btn--quiet btn--icon btn--s";
  close.type = "button";
  close.dataset.dismiss = "";
  close.setAttribute("aria-label", "Dismiss");
  close.append(icon("x"));
  toast.append(words, close);
  shelf.append(toast);
  letGo(toast);
}

// the server's word: HX-Trigger: {"toast": {"text": "Saved", "kind": "passed"}}
document.addEventListener("toast", (event) => showToast(event.detail.text, event.detail.kind));

// ---- dialogs ------------------------------------------------------------------------------------------------------

const KNOWS_COMMANDS = "commandForElement" in HTMLButtonElement.prototype;

function showModal(dialog) {
  if (dialog.matches(":modal")) return;
  dialog.removeAttribute("open");
  dialog.showModal();
}

function obeyCommand(button) {
  const target = document.getElementById(button.getAttribute("commandfor"));
  if (!(target instanceof HTMLDialogElement)) return;
  if (button.getAttribute("command") === "show-modal") showModal(target);
  if (button.getAttribute("command") === "close") target.close();
}

// ---- copying ------------------------------------------------------------------------------------------------------

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    showToast("Copied", "passed");
  } catch {
    showToast("The browser does not allow copying here: select the text and copy it by hand", "error");
  }
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const dialog = event.target instanceof HTMLDialogElement ? event.target : null;
  if (dialog?.matches("[data-opens]:modal")) dialog.close(); // a click beside the drawer
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy !== undefined) copy(button);
  if (button.dataset.dismiss !== undefined) button.closest(".toast").remove();
  if (!KNOWS_COMMANDS && button.hasAttribute("commandfor")) obeyCommand(button);
});

// ---- filters send themselves --------------------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  if (event.target.matches("form[data-auto-submit] :is(select, input[type=checkbox], input[type=radio])")) {
    event.target.form.requestSubmit();
  }
});

document.addEventListener("formdata", (event) => {
  if (!event.target.matches("form[data-auto-submit]")) return;
  for (const [name, value] of [...event.formData]) {
    if (value === "") event.formData.delete(name); // an address names only what filters
  }
});

// ---- keys: "/" searches, j and k or the arrows go through rows -----------------------------------------------------

const isTyping = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

function stepRow(active, step) {
  // a page with several tables says which one is meant
  const place = document.querySelector("main [data-steps]") ?? document.querySelector("main");
  const rows = [...place.querySelectorAll(".row-link")].filter((row) => row.checkVisibility());
  if (!rows.length) return false;
  const chosen = rows.findIndex((row) => row === active || row.closest("[aria-current]"));
  const next = chosen < 0 ? (step > 0 ? 0 : rows.length - 1) : chosen + step;
  if (!rows[next]) return false;
  rows[next].focus();
  rows[next].scrollIntoView({ block: "nearest" });
  return true;
}

function obeyKey(event) {
  const active = document.activeElement ?? document.body;
  if (event.key === "/") {
    const field = document.querySelector("main input[type=search]") ?? document.querySelector("input[type=search]");
    field?.focus();
    field?.select();
    return Boolean(field);
  }
  if (event.key === "j" || event.key === "k") return stepRow(active, event.key === "j" ? 1 : -1);
  if (active.matches(".row-link") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    return stepRow(active, event.key === "ArrowDown" ? 1 : -1);
  }
  return false;
}

// whatever carries data-key is pressed by that key; in an open drawer only what stands in it
function pressKeyed(key) {
  const place = document.querySelector("dialog:modal") ?? document;
  const keyed = [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key && one.checkVisibility());
  keyed?.click();
  return Boolean(keyed);
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(document.activeElement ?? document.body)) return;
  const isDone = pressKeyed(event.key) || (!document.querySelector("dialog:modal") && obeyKey(event));
  if (isDone) event.preventDefault();
});

// ---- requests of htmx ---------------------------------------------------------------------------------------------

const SAID = {
  400: "The request could not be read. Reload the page and try again.",
  403: "You are not allowed to do that.",
  404: "That is not there any more. Reload the page.",
  409: "It changed in the meantime. Reload the page and try again.",
  412: "It changed in the meantime. Reload the page and try again.",
  413: "That is too large to be sent.",
  429: "Too many requests at once. Wait a moment and try again.",
};

document.addEventListener("htmx:config:request", (event) => {
  const request = event.detail.ctx.request;
  if (!/^(GET|HEAD)$/i.test(request.method)) request.headers["X-CSRF-TOKEN"] = meta("csrf-token");
});

document.addEventListener("htmx:before:response", (event) => {
  if (event.detail.ctx.response.status !== 401) return;
  event.preventDefault();
  const here = location.pathname + location.search;
  location.assign(`${meta("login-url")}?next=${encodeURIComponent(here)}`);
});

document.addEventListener("htmx:response:error", (event) => {
  const { status, headers } = event.detail.ctx.response;
  if (status === 422) return; // the form comes back with its errors
  const id = headers.get("X-Request-ID");
  const fallback = `The server could not answer (${status}).${id ? ` Request ${id}.` : ""}`;
  showToast(SAID[status] ?? fallback, "error");
});

document.addEventListener("htmx:error", () => showToast("No connection to the server. Check that it runs, then reload.", "error"));

// ---- after a swap: the focus stays, the drawer opens ---------------------------------------------------------------

let before = null; // what had the focus, described so that its successor can be found

function remember(element) {
  if (!element || element === document.body) return null;
  return { element, id: element.id, name: element.getAttribute("name"), href: element.getAttribute("href") };
}

function successor(place) {
  if (place.id) return document.getElementById(place.id);
  const candidates = document.querySelectorAll("a[href], button, input, select, textarea");
  return [...candidates].find(
    (one) =>
      one.tagName === place.element.tagName &&
      one.getAttribute("name") === place.name &&
      one.getAttribute("href") === place.href &&
      one.textContent === place.element.textContent,
  );
}

document.addEventListener("htmx:before:swap", () => {
  before = remember(document.activeElement);
});

document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx.target;
  const drawer = target instanceof Element ? target.closest("dialog[data-opens]") : null;
  if (drawer) showModal(drawer);
  if (!before || before.element.isConnected || document.activeElement !== document.body) return;
  (successor(before) ?? document.getElementById("main"))?.focus({ preventScroll: true });
});

// ---- what script alone can do is shown now; what replaces it goes ---------------------------------------------------

function dress(scope) {
  for (const one of scope.querySelectorAll("[data-dismiss], [data-needs-script]")) one.hidden = false;
  for (const one of scope.querySelectorAll("[data-without-script]")) one.hidden = true;
  for (const one of scope.querySelectorAll("dialog[data-modal][open]")) showModal(one);
}

for (const toast of document.querySelectorAll("#toasts > .toast")) letGo(toast);
dress(document);
document.addEventListener("htmx:after:settle", () => dress(document));
