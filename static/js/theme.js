// The server renders data-theme; a choice made here is kept on this device and wins.
const root = document.documentElement;

function kept() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // storage may be closed; then the choice lasts for this page
  }
}

function keep(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // the same: this page only
  }
}

function forget() {
  try {
    localStorage.removeItem("theme");
  } catch {
    // nothing was kept
  }
}

const themes = ["auto", "light", "dark"];
const chosen = kept();
if (themes.includes(chosen)) root.dataset.theme = chosen;

addEventListener("DOMContentLoaded", () => {
  // what is saved with the profile is for every device: a choice kept on this one would hide it
  for (const form of document.querySelectorAll("form[data-forgets-theme]")) {
    form.addEventListener("submit", forget);
  }
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.hidden = false;
    for (const radio of choice.querySelectorAll("input")) {
      radio.checked = radio.value === root.dataset.theme;
      radio.addEventListener("change", () => {
        root.dataset.theme = radio.value;
        keep(radio.value);
      });
    }
  }
});
