"""What a look at a page finds wrong with it."""

import gzip
import itertools
import os
from dataclasses import dataclass, field

from playwright.sync_api import Page

# Both widths, and both schemes of colours; `make proof` looks at all four of these forms, and says
# in which language.
IN_FULL = "PAGES" in os.environ
FORMS = ((360, "light"), (360, "dark"), (1280, "light"), (1280, "dark"))
LOOKS = FORMS if IN_FULL else (FORMS[0], FORMS[-1])
# Zoomed to 400 %, a wide screen is as narrow as this.
NARROWEST = 320
LARGEST = 60_000  # bytes, of a page with all it needs
# What passes is not told in full: that would be most of the work.
AXE = """async () => (await axe.run({resultTypes: ["violations"]})).violations.filter(
    (fault) => ["serious", "critical"].includes(fault.impact)
).flatMap((fault) => fault.nodes.map((node) => `${fault.id}: ${node.html.slice(0, 200)}`))"""
# Colours that are still fading are nobody's to judge.
FINISH = "() => document.getAnimations().forEach((animation) => animation.finish())"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# WCAG 2.2, 2.5.8: 24 by 24, but for links in sentences; a label belongs to its box.
SMALL = """() => [...document.querySelectorAll("a, button, input, select, textarea, summary")]
    .filter((part) => part.checkVisibility() && getComputedStyle(part).display !== "inline")
    .filter((part) => !part.closest(".hidden-text, .skip"))
    .filter((part) => Math.min(part.offsetWidth, part.offsetHeight) < 24 && !part.labels?.length)
    .map((part) => `too small to touch: ${part.outerHTML.slice(0, 120)}`)"""
# 3.3.1: what is wrong has the focus, and says so in words.
UNTOLD = """() => {
    const wrong = [...document.querySelectorAll("main [aria-invalid=true]")];
    const told = (part) => part.closest("fieldset[aria-describedby], [aria-describedby]");
    const words = (part) => (told(part)?.getAttribute("aria-describedby") || "").split(" ")
        .map((id) => document.getElementById(id)?.querySelector("p")?.textContent || "").join("");
    const untold = wrong.filter((part) => !words(part)).map((part) => `no words: ${part.name}`);
    return wrong.length && document.activeElement !== wrong[0] ? [...untold, "no focus"] : untold;
}"""
# 3.3.8: a password manager or a phone fills in what nobody should have to remember or copy; and
# 4.1.3: what an action came to is announced.
UNHELPED = """() => {
    const filled = ["current-password", "new-password", "one-time-code"];
    const fields = document.querySelectorAll("[type=password], [inputmode=numeric][name=code]");
    const secrets = [...fields].filter((field) => !filled.includes(field.autocomplete))
        .map((field) => `nothing fills it in: ${field.name}`);
    const silent = [...document.querySelectorAll(".messages > *, .messagelist")]
        .filter((told) => !told.closest("[role=status], [role=alert]"))
        .map((told) => `not announced: ${told.textContent.trim()}`);
    return [...secrets, ...silent];
}"""
# Where the keyboard stops, by its place in the page, and whether that shows: 2.4.3 and 2.4.7.
STOPS = 'a[href], button, input, select, textarea, summary, [tabindex="0"]'
STOP = f"""() => {{
    const at = document.activeElement, style = getComputedStyle(at);
    const rings = [style, getComputedStyle(at.closest("label") || at)];
    return [
        [...document.querySelectorAll('{STOPS}')].indexOf(at),
        rings.some((ring) => ring.outlineStyle !== "none" || ring.boxShadow !== "none"),
        at.outerHTML.slice(0, 120),
    ];
}}"""
# Of the choices among which arrows lead, the keyboard stops at one.
PASSED_BY = f"""(places) => [...document.querySelectorAll('{STOPS}')]
    .filter((part, place) => part.checkVisibility({{visibilityProperty: true}}) && !part.disabled
        && part.tabIndex >= 0 && part.type !== "radio" && !places.includes(place))
    .map((part) => `not reached by keyboard: ${{part.outerHTML.slice(0, 120)}}`)"""
MOST_STOPS = 150
NEEDED = """() => ({
    page: new Blob([document.documentElement.outerHTML]).size,
    parts: performance.getEntriesByType("resource").map((part) => part.name)
        .filter((name) => name.includes("/static/")),
    blocking: performance.getEntriesByType("resource")
        .filter((part) => part.renderBlockingStatus === "blocking").map((part) => part.name),
})"""


@dataclass(kw_only=True)
class Eyes:
    """Looks at each page once, by its name, and keeps the faults of all."""

    axe: str
    language: str = "en"
    faults: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)

    def look(self, page: Page, name: str) -> None:
        if name in self.seen:
            return
        self.seen.add(name)
        page.wait_for_load_state()
        found = [*page.evaluate(UNTOLD), *page.evaluate(UNHELPED)]
        found += [*self._weigh(page), *self._hear(page)]
        page.evaluate(self.axe)
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 844})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.evaluate(FINISH)
            found += [f"at {width}, {scheme}: {fault}" for fault in page.evaluate(AXE)]
        page.set_viewport_size({"width": NARROWEST, "height": 844})
        if page.evaluate(OVERFLOW) > 0:
            found.append(f"wider than {NARROWEST}")
        found += page.evaluate(SMALL)
        found += self._press_tab(page) if IN_FULL else []
        page.set_viewport_size({"width": LOOKS[-1][0], "height": 844})
        self.faults += [f"{name}: {fault}" for fault in found]

    def _press_tab(self, page: Page) -> list[str]:
        """Find what the keyboard does not reach, reaches in another order, or does not show."""
        places: list[int] = []
        found = []
        for _ in range(MOST_STOPS):
            page.keyboard.press("Tab")
            place, is_shown, what = page.evaluate(STOP)
            if place in places[:-1]:
                break
            if place >= 0 and place not in places:  # a date has several stops in one place
                places.append(place)
                found += [] if is_shown else [f"nobody sees the focus: {what}"]
        # It may begin anywhere, and comes round once.
        turns = sum(after < before for before, after in itertools.pairwise(places))
        return [*found, *page.evaluate(PASSED_BY, places), *(["out of order"] * (turns > 1))]

    def _hear(self, page: Page) -> list[str]:
        """Find a page that a screen reader would read in another language than it is in."""
        told = page.locator("html").get_attribute("lang")
        return [] if told == self.language else [f"lang is {told}"]

    def _weigh(self, page: Page) -> list[str]:
        """Find a page that is too large, or waits for more than its one stylesheet."""
        needed = page.evaluate(NEEDED)
        size = needed["page"] + sum(self._size(page, part) for part in needed["parts"])
        found = [f"{size:,} bytes"] if size > LARGEST else []
        # The stock admin brings stylesheets of its own, but no script may keep a page from view.
        blocking = needed["blocking"]
        if "/admin/" in page.url:
            blocking = ["", *(part for part in blocking if part.endswith(".js"))]
        if len(blocking) > 1:
            found.append(f"kept from view by {blocking}")
        return found

    def _size(self, page: Page, address: str) -> int:
        """Return the bytes of a static file as production sends it."""
        if address not in self.sizes:
            answer = page.context.request.get(address)
            self.sizes[address] = len(gzip.compress(answer.body()))
        return self.sizes[address]
