"""The report in a real browser: nothing asked for, first screens that fit, the player by mouse and keys."""

import json
import shutil
from pathlib import Path

import pytest

from tests.skips import need
from tests.stages.report import made_run
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.report.page import details, one_page, shared_content

TALLEST = 6000  # px of page one, with pictures of the worst moment 640 px wide
"""Px of the one page, 1440 px wide."""
# The aim for the details of one model with every section open; a second model adds some 1,000 px.
TALLEST_DETAILS, SECOND_MODEL = 12_000, 1_700
SIZES = ((1440, 900), (768, 1024), (390, 844))


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("google-chrome")
    need(program, "chromium is not installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        need(None, "playwright is not installed: pip install -e '.[dev]'")
        return
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


class Opened:
    """A page, and what it said and asked for since it was opened."""

    def __init__(self, browser, path, size=SIZES[0]):
        viewport = {"width": size[0], "height": size[1]}
        self.page = browser.new_page(viewport=viewport, has_touch=size[0] < 500)
        self.said = []
        self.asked = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def outside(self):
        """What was asked for beside the page itself and its own pictures."""
        return [url for url in self.asked if not url.startswith(("data:", "file:"))] + [
            url for url in self.asked[1:] if url.startswith("file:")
        ]


@pytest.fixture(scope="module")
def report(made):
    return made.path / "report.html"


@pytest.mark.parametrize("name", ["report.html", "details.html"])
def test_nothing_is_asked_for_and_nothing_complains(browser, report, name):
    opened = Opened(browser, report.with_name(name))
    for width, height in SIZES:
        opened.page.set_viewport_size({"width": width, "height": height})
        assert_fits(opened.page, width)
        # the finding, the ribbon and the verdict of the first model stand on the first screen
        for what in ("h1", ".along img", ".along p") if name == "report.html" else ():
            box = opened.page.locator(what).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height, what
    assert opened.said == []
    assert opened.outside() == []
    opened.page.close()


def assert_fits(page, width):
    """Nothing reaches over the right edge, and every picture is there."""
    page.wait_for_function("[...document.images].every(i => !i.getAttribute('src') || i.complete)")
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.wide') "
        "&& e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className)"
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    images = "[...document.images].filter(i => i.getAttribute('src') && !i.naturalWidth)"
    broken = page.evaluate(f"{images}.length")
    assert broken == 0


def test_the_one_page_stays_short(browser, report, tmp_path):
    many = made_run.make(
        tmp_path / "many", models=tuple(f"net-{k}" for k in range(9)), items=4, frames=12, studied=1,
        perturbations=("brightness",), conclude=False, player=False,
    )  # fmt: skip
    rules = [f"flip_rate > 0.{k}" for k in range(1, 9)]
    many.update(settings={**many.run["settings"], "fail_if": rules})
    tables = RunTables(many.path)
    long = tmp_path / "report.html"
    long.write_text(one_page(tables, shared_content(tables)), encoding="utf-8")
    for path in (report, long):
        opened = Opened(browser, path)
        assert opened.page.evaluate("document.documentElement.scrollHeight") <= TALLEST
        opened.page.close()


def test_the_details_stay_short_with_every_section_open(browser, report, tmp_path):
    one = made_run.make(tmp_path / "one", models=("net-a",), items=2, frames=30, studied=12)
    tables, alone = RunTables(one.path), tmp_path / "details.html"
    alone.write_text(details(tables, shared_content(tables)), encoding="utf-8")
    both = report.with_name("details.html")
    heights = {alone: TALLEST_DETAILS, both: TALLEST_DETAILS + SECOND_MODEL}
    for path, tallest in heights.items():
        opened = Opened(browser, path)
        opened.page.locator("#unfold-all").click()
        assert len(opened.page.locator("main > details[open]").all()) == 10
        assert opened.page.evaluate("document.documentElement.scrollHeight") <= tallest
        opened.page.close()


def _data(page):
    return json.loads(page.locator("#player-data").text_content())


def test_the_player_opens_on_the_worst_moment(browser, report):
    opened = Opened(browser, report)
    data = _data(opened.page)
    _, _, a, b, *_ = data["events"][data["worst"]]
    assert opened.page.locator("[data-p=what]").inner_text().startswith(f"Frame {a} to frame {b}")
    opened.page.close()


def test_a_table_is_sorted_by_a_click_and_shows_ten_rows(browser, report):
    opened = Opened(browser, report.with_name("details.html"))
    page = opened.page
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    table = page.locator("#curves table").first
    rows = table.locator("tr:visible")
    assert rows.count() == 11  # with its head
    with page.expect_download() as download:
        page.locator("#curves button", has_text="as CSV").first.click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == table.locator("tr").count()
    head = table.locator("th button").last
    head.click()
    counts = [int(row.inner_text()) for row in table.locator("tr:visible td:last-child").all()]
    assert counts == sorted(counts)
    head.click()
    assert table.locator("th").last.get_attribute("aria-sort") == "descending"
    opened.page.close()


def test_keys_move_along_the_frames(browser, report):
    opened = Opened(browser, report)
    page, data = opened.page, _data(opened.page)
    where, said = page.locator("[data-p=where]"), page.locator("[data-p=said]")
    chosen = data["items"][int(page.locator("[data-p=item]").input_value())]
    labels, probabilities = chosen["a"][int(page.locator("[data-p=model]").input_value())]
    page.locator("[data-p=at]").focus()
    page.keyboard.press("Home")  # it opens on the worst moment
    for step, key in enumerate(["", "ArrowRight", "ArrowRight", "ArrowRight"]):
        if key:
            page.keyboard.press(key)
        assert f"frame {chosen['f'][step]}" in where.inner_text()
        assert said.inner_text() == f"{data['labels'][labels[step]]}, {probabilities[step]:.2f}"
        shown = page.locator("[data-p=image]").get_attribute("src")
        item = page.locator("[data-p=item]").input_value()
        assert shown == f"data:image/jpeg;base64,{data['pictures'][item][str(chosen['f'][step])]}"
    page.keyboard.press("End")
    assert f"frame {chosen['f'][-1]}" in where.inner_text()
    assert opened.said == []
    page.close()


def test_a_flip_chosen_by_mouse_shows_both_frames_and_their_difference(browser, report):
    opened = Opened(browser, report)
    page, data = opened.page, _data(opened.page)
    item = int(page.locator("[data-p=item]").input_value())
    model = int(page.locator("[data-p=model]").input_value())
    event = [e for e in data["events"] if e[:2] == [item, model]][-1]
    times, frames = data["items"][item]["t"], data["items"][item]["f"]
    line = page.locator("[data-p=line]")
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    share = (times[frames.index(event[3])] - times[0]) / (times[-1] - times[0])
    page.mouse.click(box["x"] + 44 + (box["width"] - 54) * share, box["y"] + 9)
    assert page.locator("[data-p=flip]").is_visible()
    said = page.locator("[data-p=what]").inner_text()
    assert said.startswith(f"Frame {event[2]} to frame {event[3]}")
    captions = page.locator("[data-p=shots] figcaption").all_inner_texts()
    labels = data["items"][item]["a"][model][0]
    for caption, frame in zip(captions[:2], event[2:4], strict=True):
        assert caption.startswith(f"frame {frame}: {data['labels'][labels[frames.index(frame)]]}")
    assert captions[2] == "their difference, 4 times as bright"
    shown = [i.get_attribute("src") for i in page.locator("[data-p=shots] img").all()]
    expected = [data["pictures"][str(item)][str(f)] for f in event[2:4]]
    expected.append(data["differences"][str(item)][str(event[3])][1])
    assert shown == [f"data:image/jpeg;base64,{each}" for each in expected]
    page.close()


def test_the_next_flip_by_key_and_its_strip(browser, report):
    opened = Opened(browser, report)
    page, data = opened.page, _data(opened.page)
    flips = {f"{e[0]} {e[1]} {e[3]}" for e in data["events"]}
    item, model, frame_b = next(key for key in data["strips"] if key in flips).split()
    if data["items"][int(item)]["name"] and len(data["items"]) > 1:
        page.locator("[data-p=item]").select_option(item)
    page.locator("[data-p=model]").select_option(model)
    page.locator("[data-p=at]").focus()
    page.keyboard.press("Home")
    mine = [e for e in data["events"] if e[:2] == [int(item), int(model)]]
    for event in mine:
        page.keyboard.press("n")
        said = page.locator("[data-p=what]").inner_text()
        assert said.startswith(f"Frame {event[2]} to frame {event[3]}")
        tiles = page.locator("[data-p=strip] figcaption").all_inner_texts()
        strip = data["strips"].get(f"{item} {model} {event[3]}", [])
        assert len(tiles) == len(strip)
        said = page.locator("[data-p=strip-said]").inner_text()
        if strip:
            assert tiles[0].startswith(strip[0]["title"])
            assert said == data["strip_said"]
        else:  # one line says why there is none
            assert said == event[6] != ""
    assert int(frame_b) in [event[3] for event in mine if not event[6]]
    page.keyboard.press("p")
    assert f"Frame {mine[-2][2]} to" in page.locator("[data-p=what]").inner_text()
    assert opened.said == []
    page.close()


def test_a_finger_moves_along_the_line(browser, report):
    opened = Opened(browser, report, SIZES[2])
    line = opened.page.locator("[data-p=line]")
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    opened.page.touchscreen.tap(box["x"] + box["width"] - 2, box["y"] + box["height"] - 10)
    data = _data(opened.page)
    item = data["items"][int(opened.page.locator("[data-p=item]").input_value())]
    assert f"frame {item['f'][-1]}" in opened.page.locator("[data-p=where]").inner_text()
    opened.page.close()


def test_print_shows_every_fold(browser, report):
    opened = Opened(browser, report.with_name("details.html"))
    assert opened.page.locator("#glossary").is_hidden()
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.page.evaluate("[...document.querySelectorAll('details')].every(d => d.open)")
    opened.page.emulate_media(media="print")
    assert opened.page.locator("#glossary").is_visible()
    opened.page.close()


def test_a_link_into_the_details_opens_its_fold(browser, report):
    page = browser.new_page()
    page.goto(report.with_name("details.html").as_uri() + "#glossary")
    assert page.locator("#glossary").is_visible()
    page.close()


CONTRAST = """() => {
  const channel = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest("svg") || e.disabled) continue;
    const style = getComputedStyle(e), pair = [light(parts(style.color)), light(behind(e))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < (large ? 3 : 4.5)) poor.push(e.textContent.slice(0, 30));
  }
  return poor;
}"""
"""Elements with text whose contrast is below 4.5 to 1, or 3 to 1 where large (WCAG 2.1, 1.4.3)."""


@pytest.mark.parametrize("name", ["report.html", "details.html"])
def test_text_stands_out_and_axe_finds_nothing_serious(browser, report, name):
    """Contrast in both themes; what axe finds besides is the same in both."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        need(None, "axe-playwright-python is not installed: pip install -e '.[dev]'")
        return
    opened = Opened(browser, report.with_name(name))
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    for theme in ("dark", "light"):
        opened.page.emulate_media(color_scheme=theme)
        assert opened.page.evaluate(CONTRAST) == []
    found = Axe().run(opened.page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in serious]
    opened.page.close()
