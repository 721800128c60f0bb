// Small comforts on top of pages that work without this file.

function unlock(form) {
  delete form.dataset.sent;
  form.querySelectorAll("button[aria-disabled]:not([data-waits])").forEach((button) => button.removeAttribute("aria-disabled"));
}

// A second press while the first is under way would only meet a used-up form.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent || (event.submitter && event.submitter.dataset.waits)) {
    event.preventDefault();
    return;
  }
  hidePasswords(form);
  form.dataset.sent = "yes";
  form.querySelectorAll("button[type=submit]").forEach((button) => button.setAttribute("aria-disabled", "true"));
  setTimeout(unlock, 10000, form);
});

// The browser's Back brings pages up as they were left: with forms that look sent.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach(unlock);
});

// What came from another site goes on by itself; without this file, by its button.
document.querySelectorAll("form[data-goes-on]").forEach((form) => form.requestSubmit());

const wrong = document.querySelector("main [aria-invalid=true]");
if (wrong) {
  wrong.focus();
  // What is typed next takes the place of what was wrong.
  if (wrong.autocomplete === "one-time-code") wrong.select();
}

// What is left is counted from the page's arrival, so a clock that is set wrong does no harm.
const language = document.documentElement.lang || "en";
const arrived = performance.now();

function say(count, unit) {
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);
}

function words(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours) return `${say(hours, "hour")}, ${say(minutes, "minute")}`;
  if (minutes >= 10) return say(minutes, "minute");
  if (minutes) return `${say(minutes, "minute")}, ${say(seconds % 60, "second")}`;
  return say(seconds, "second");
}

// A wait holds back the button of its form, and says when it is over.

function begin(wait) {
  const button = wait.closest("form")?.querySelector("button[type=submit]");
  if (!button) return;
  button.dataset.waits = "yes";
  button.setAttribute("aria-disabled", "true");
}

function end(wait) {
  const button = wait.closest("form")?.querySelector("button[type=submit]");
  if (button) {
    delete button.dataset.waits;
    button.removeAttribute("aria-disabled");
  }
  const over = wait.querySelector("[data-over]");
  if (over) {
    wait.replaceChildren(over);
    over.hidden = false;
  } else {
    wait.hidden = true;
  }
}

function count(clock) {
  const gone = (performance.now() - arrived) / 1000;
  const left = Math.max(0, Math.ceil(Number(clock.dataset.secondsLeft) - gone));
  clock.textContent = words(left);
  const wait = clock.closest("[data-wait]");
  if (wait && !left) end(wait);
  return left > 0;
}

let clocks = [...document.querySelectorAll("[data-seconds-left]")];

if (clocks.length) {
  // Read out once with the page, not once a second.
  clocks.forEach((clock) => clock.setAttribute("aria-live", "off"));
  document.querySelectorAll("[data-wait]").forEach(begin);
  const tick = () => {
    clocks = clocks.filter(count);
  };
  tick();
  setInterval(tick, 1000);
}

// A code is sent with its sixth digit, typed, pasted with spaces, or filled in from a text.

const CODE = "input[autocomplete=one-time-code][inputmode=numeric]";

document.querySelectorAll(CODE).forEach((field) => {
  field.form.querySelectorAll("[data-by-itself]").forEach((hint) => {
    hint.hidden = false;
    hint.id = `${field.id}_by_itself`;
    const others = field.getAttribute("aria-describedby") || "";
    field.setAttribute("aria-describedby", `${others} ${hint.id}`.trim());
  });
  field.addEventListener("input", () => {
    if (/^\d{6}$/.test(field.value.replace(/[\s-]/g, ""))) field.form.requestSubmit();
  });
});

async function readText(field) {
  const found = await navigator.credentials.get({ otp: { transport: ["sms"] } });
  field.value = found.code;
  field.dispatchEvent(new Event("input"));
}

const awaited = document.querySelector(`[data-texted] ${CODE}`);
if (awaited && "OTPCredential" in window) readText(awaited).catch(() => {});

// Phone numbers are grouped as the country writes them, while they are typed at their end.

function grouped(digits, pattern) {
  let written = "";
  let used = 0;
  for (const sign of pattern) {
    if (used === digits.length) return written;
    written += sign === "0" ? digits[used++] : sign;
  }
  return written + digits.slice(used);
}

function ofCountry(options, digits, chosen) {
  const fits = (option) => option.dataset.code && digits.startsWith(option.dataset.code);
  return fits(chosen) ? chosen : options.find(fits);
}

function write(field, select) {
  const digits = field.value.replace(/\D/g, "");
  const chosen = select.selectedOptions[0];
  if (!field.value.trim().startsWith("+")) return grouped(digits, chosen.dataset.pattern);
  const found = ofCountry([...select.options], digits, chosen);
  if (!found) return `+${digits}`;
  select.value = found.value;
  return grouped(digits, found.dataset.abroad);
}

document.querySelectorAll("input[data-country]").forEach((field) => {
  const select = field.form.elements[field.dataset.country];
  const rewrite = () => {
    if (field.selectionEnd === field.value.length) field.value = write(field, select);
  };
  field.addEventListener("input", (event) => {
    if (!event.inputType?.startsWith("delete")) rewrite();
  });
  select.addEventListener("change", () => {
    if (!field.value.trim().startsWith("+")) field.value = write(field, select);
  });
});

// Buttons that need this file come hidden, so that nobody presses one in vain.

async function copy(button) {
  const lines = [...document.querySelectorAll(button.dataset.copy)].map((part) => part.dataset.secret || part.textContent.trim());
  try {
    await navigator.clipboard.writeText(lines.join("\n"));
    button.textContent = button.dataset.copied;
  } catch {
    button.textContent = button.dataset.failed;
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

function show(button, isShown) {
  const field = document.getElementById(button.dataset.shows);
  field.type = isShown ? "text" : "password";
  button.setAttribute("aria-pressed", String(isShown));
}

// Browsers offer to keep a password only where the field is one.
function hidePasswords(form) {
  form.querySelectorAll("[data-shows]").forEach((button) => show(button, false));
}

document.querySelectorAll("[data-shows]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => show(button, button.getAttribute("aria-pressed") !== "true"));
});

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

document.querySelectorAll("[data-zone-of]").forEach((button) => {
  const select = document.getElementById(button.dataset.zoneOf);
  if (select.value === here || !select.querySelector(`option[value="${CSS.escape(here)}"]`)) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    select.value = here;
    button.hidden = true;
    select.focus();
  });
});
