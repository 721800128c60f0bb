// Small comforts on top of pages that work without this file.

function unlock(form) {
  delete form.dataset.sent;
  form.querySelectorAll("button[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
}

// A second press while the first is under way would only meet a used-up form.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.querySelectorAll("button[type=submit]").forEach((button) => button.setAttribute("aria-disabled", "true"));
  setTimeout(unlock, 10000, form);
});

// The browser's Back brings pages up as they were left: with forms that look sent.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach(unlock);
});

const wrong = document.querySelector("main [aria-invalid=true]");
if (wrong) wrong.focus();

// What is left is counted from the page's arrival, so a clock that is set wrong does no harm.
const arrived = performance.now();
const say = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`;

function words(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours) return `${say(hours, "hour")}, ${say(minutes, "minute")}`;
  if (minutes >= 10) return say(minutes, "minute");
  if (minutes) return `${say(minutes, "minute")}, ${say(seconds % 60, "second")}`;
  return say(seconds, "second");
}

const clocks = [...document.querySelectorAll("[data-seconds-left]")];

function tick() {
  const gone = (performance.now() - arrived) / 1000;
  for (const clock of clocks) {
    clock.textContent = words(Math.max(0, Math.ceil(Number(clock.dataset.secondsLeft) - gone)));
  }
}

if (clocks.length) {
  // Read out once with the page, not once a second.
  clocks.forEach((clock) => clock.setAttribute("aria-live", "off"));
  tick();
  setInterval(tick, 1000);
}

// Buttons that need this file come hidden, so that nobody presses one in vain.

async function copy(button) {
  const lines = [...document.querySelectorAll(button.dataset.copy)].map((part) => part.dataset.secret || part.textContent.trim());
  try {
    await navigator.clipboard.writeText(lines.join("\n"));
    button.textContent = "Copied";
  } catch {
    button.textContent = "Couldn't copy: please select by hand";
  }
}

document.querySelectorAll("[data-copy]").forEach((button) => {
  button.hidden = false;
  // The new label is read out, as nothing else shows that it worked.
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", () => copy(button));
});

document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});
