#!/usr/bin/env python3
"""Looks at the status page in Chromium and says, as JSON, what a person would see.

Usage: page.py URL FOLDER
Waits until the page shows its listeners and a curve, opens the first route, and
takes a screenshot for a wide screen and a phone, in the light and in the dark,
into FOLDER. `serious` are findings of axe of that weight or above.
"""

import json
import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

SIZES = {"wide": (1280, 900), "phone": (360, 740)}


def texts(page, selector):
    return [one.inner_text() for one in page.query_selector_all(selector)]


def serious(page):
    found = Axe().run(page).response["violations"]
    return [
        {"id": one["id"], "impact": one["impact"],
         "nodes": [node["html"][:200] for node in one["nodes"]][:3]}
        for one in found if one["impact"] in ("serious", "critical")
    ]


def look(browser, url, folder, scheme, size):
    width, height = SIZES[size]
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": height})
    page = context.new_page()
    errors, outside = [], []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((url, "data:"))
            else outside.append(request.url))
    page.goto(url)
    page.wait_for_selector(".listener .split", timeout=20000)
    page.wait_for_selector("figure svg polyline", state="attached", timeout=20000)
    seen = {
        "title": page.title(), "summary": page.inner_text("#summary"),
        "facts": texts(page, "#facts div"), "split": texts(page, ".split li"),
        "widths": [one.bounding_box()["width"] for one in page.query_selector_all(".split li")],
        "history": texts(page, "#history-list > li"), "warnings": texts(page, "#warning-list li"),
        "curves": texts(page, "figcaption"),
        "closed": serious(page),
    }
    page.click(".listener details summary")
    page.wait_for_selector("table")
    seen["chain"] = texts(page, ".listener details[open] .chain li")
    seen["endpoints"] = texts(page, ".listener details[open] tbody tr")
    seen["open"] = serious(page)
    seen["overflow"] = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth")
    seen["back"] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    seen["errors"], seen["outside"] = errors, outside
    page.screenshot(path="%s/status-%s-%s.png" % (folder, size, scheme), full_page=True)
    context.close()
    return seen


def main():
    url, folder = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        seen = {
            "%s %s" % (size, scheme): look(browser, url, folder, scheme, size)
            for size in SIZES for scheme in ("light", "dark")
        }
        browser.close()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
