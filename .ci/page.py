"""The page of `segment-klaviyo serve` in a browser: deliveries appear, their content stays text.

    python .ci/page.py [FOLDER_FOR_SCREENSHOTS]

Needs Debian's chromium and chromium-driver.
"""

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from browser import Browser
from rig import LOGS, ROOT, TOOL, http, sign, start, wait_until

SCRIPT = "<script>document.title = 'taken over'</script>"
ROWS = "[...document.querySelectorAll('details.row')]"
ENTER, ESCAPE = "\ue007", "\ue00c"


def sample(name):
    """Returns the body and headers of a sample, as Segment would send it."""
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event["body"].encode(), event["headers"]


def signed(message):
    body = json.dumps(message).encode()
    return body, {"X-Signature": sign(body)}


def deliver(webhook):
    """Sends four deliveries, of which one holds a script, and returns the number of their rows."""
    scripted = {"type": "track", "event": SCRIPT, "messageId": "m-script",
                "userId": "sarah@klaviyo-demo.com", "properties": {"note": SCRIPT}}
    deliveries = [(sample("unsigned"), 401), (signed(scripted), 200), (sample("batch"), 200),
                  (sample("order-completed"), 200)]
    for (body, headers), expected in deliveries:
        status, answer = http(webhook, body, headers)
        assert status == expected, (status, answer)
    return 1 + 1 + 6 + 1


def wait_for(browser, script, value=True):
    found = wait_until(lambda: browser.run(script) == value, seconds=30)
    assert found, (script, browser.run(script), value)


def check_empty(browser, folder):
    """The page shows a command that sends a first message, also when a shell runs it."""
    assert browser.run("!document.getElementById('empty').hidden")
    screenshot(browser, folder, "serve-empty")
    command = browser.run("document.getElementById('example').textContent")
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)
    wait_for(browser, f"{ROWS}.length", 1)
    assert browser.run("document.getElementById('empty').hidden")


def check_content(browser, folder):
    """A row for each message, the latest first, with its outcome; what is ignored is not green."""
    rows = browser.run(f"{ROWS}.map((row) => [row.className, row.innerText])")
    order, batch, script, unsigned = rows[0], rows[1:7], rows[7], rows[8]
    for (level, text), expected, parts in [
        (order, "row ok", ["Order Completed", "delivered", "3 requests"]),
        (batch[0], "row ok", ["identify", "delivered", "1 request"]),
        (batch[2], "row quiet", ["ignored", "unsupported_type", "no request"]),
        (batch[3], "row quiet", ["ignored", "no_email"]),
        (batch[4], "row ok", ["Order Completed", "2 requests"]),
        (batch[5], "row error", ["rejected", "invalid_event_name"]),
        (script, "row ok", [SCRIPT, "delivered"]),
        (unsigned, "row error", ["401", "X-Signature"]),
    ]:
        assert level == expected, (level, text)
        for part in parts:
            assert part in text, (part, text)
    if folder:
        browser.run(f"{ROWS}[5].open = true")
        wait_for(browser, f"{ROWS}[5].querySelectorAll('.request').length", 2)
        screenshot(browser, folder, "serve")
        browser.run(f"{ROWS}[5].open = false")


def check_escaping(browser):
    """A script in a message is text, also in the details of the row."""
    row = f"{ROWS}[7]"
    browser.run(f"{row}.open = true")
    wait_for(browser, f"{row}.querySelectorAll('pre').length > 0")
    assert SCRIPT in browser.run(f"{row}.querySelector('pre').innerText")
    markup = "document.querySelectorAll('main script, main [onclick]').length"
    assert browser.run(markup) == 0
    browser.run(f"{row}.open = false")
    assert "taken over" not in browser.run("document.title"), "a message became markup"


def check_filters(browser):
    """Outcomes and words choose rows, by mouse and by keyboard."""
    count = browser.run(f"{ROWS}.length")
    click(browser, "[...document.querySelectorAll('#outcomes button')]", "rejected 1")
    assert browser.run(f"{ROWS}.map((row) => row.dataset.outcome)") == ["rejected"]
    browser.press(ESCAPE)
    assert browser.run(f"{ROWS}.length") == count
    browser.press("/", *"NO_EMAIL")
    wait_for(browser, f"{ROWS}.length", 1)
    browser.press(*"xx")
    wait_for(browser, "document.getElementById('no-match').hidden", False)
    browser.press(ESCAPE, "j", "j", "k", ENTER)
    assert browser.run(f"{ROWS}.map((row) => row.open)")[:2] == [True, False]
    browser.press(ENTER)
    assert not browser.run(f"{ROWS}[0].open")


def click(browser, buttons, label):
    browser.run(f"{buttons}.find((button) => button.textContent === {json.dumps(label)}).click()")


def check_actions(browser, folder):
    """A message is explained, sent again, and copied as a command that sends it again."""
    row, output = f"{ROWS}[0]", f"{ROWS}[0].querySelector('.output').innerText"
    browser.run(f"{row}.open = true")
    wait_for(browser, f"{row}.querySelectorAll('.request').length", 3)
    actions = f"[...{row}.querySelectorAll('.actions button')]"
    click(browser, actions, "Explain")
    wait_for(browser, f"{output}.includes('← properties.')")
    screenshot(browser, folder, "serve-explain")
    click(browser, actions, "Copy as curl")
    wait_for(browser, f"{output}.includes('curl http://')")
    command = browser.run(f"{row}.querySelector('.output pre').textContent")
    count = browser.run(f"{ROWS}.length")
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)
    wait_for(browser, f"{ROWS}.length", count + 1)
    # The row is the second one now, and still open.
    row = f"{ROWS}[1]"
    assert browser.run(f"{row}.open")
    click(browser, f"[...{row}.querySelectorAll('.actions button')]", "Resend")
    wait_for(browser, f"{ROWS}.length", count + 2)
    assert "Sent again: 200" in browser.run(f"{ROWS}[2].querySelector('.output').innerText")
    browser.run(f"{ROWS}.forEach((row) => (row.open = false))")


def check_many(browser, webhook):
    """The page stays short when it is full."""
    body, headers = sample("order-completed")
    for _ in range(200):
        http(webhook, body, headers)
    wait_for(browser, "document.querySelector('#outcomes').innerText.includes('delivered 200')")
    height = browser.run("document.documentElement.scrollHeight")
    assert height < 5_000, height
    browser.run("document.getElementById('more').click()")
    assert browser.run(f"{ROWS}.length") == 200
    return height


def check_narrow(browser, folder):
    """Nothing is wider than a phone, also what is open."""
    browser.use_width(375)
    browser.run(f"{ROWS}[0].open = true")
    wait_for(browser, f"{ROWS}[0].querySelectorAll('pre').length > 0")
    width = browser.run("document.documentElement.scrollWidth")
    assert width <= 375, width
    browser.run("window.scrollTo(0, 0)")
    screenshot(browser, folder, "serve-narrow")


def check_themes(browser, folder):
    color = "(name) => getComputedStyle(document.querySelector(name)).backgroundColor"
    colors = f"['body', '.pill.ok', '#messages'].map({color})"
    light = browser.run(colors)
    browser.use_dark_theme()
    for dark, other in zip(browser.run(colors), light):
        assert dark != other, "the dark theme has a color of the light one"
    screenshot(browser, folder, "serve-dark")


def screenshot(browser, folder, name):
    if folder:
        browser.screenshot(pathlib.Path(folder, f"{name}.png"))


def check(folder=None):
    with contextlib.ExitStack() as at_end:
        log = LOGS / "serve.log"
        program = start(at_end, log, TOOL, "serve", "--listen", "127.0.0.1:0")
        urls = wait_until(lambda: re.findall(r"http://\S+", log.read_text()), program)
        assert urls, log.read_text()
        webhook, page = urls

        browser = Browser(at_end, at_end.enter_context(tempfile.TemporaryDirectory()))
        browser.open(page)
        wait_for(browser, "document.getElementById('state').textContent", "live")
        check_empty(browser, folder)
        count = deliver(webhook)
        wait_for(browser, f"{ROWS}.length", count + 1)
        check_content(browser, folder)
        check_escaping(browser)
        check_filters(browser)
        check_actions(browser, folder)
        height = check_many(browser, webhook)
        check_themes(browser, folder)
        check_narrow(browser, folder)
        messages = browser.console()
        assert not messages, messages
        print(f"messages appear as text, are found, explained and sent again; {height} px for 200")


check(*sys.argv[1:])
