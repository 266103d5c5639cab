"""The page of `segment-klaviyo serve` in a browser: deliveries appear, their content stays text.

    python .ci/page.py [SCREENSHOT.png]

Needs Debian's chromium and chromium-driver.
"""

import base64
import contextlib
import json
import pathlib
import re
import sys
import tempfile

from rig import LOGS, ROOT, TOOL, answers, free_port, http, sign, start, wait_until

SCRIPT = "<script>document.title = 'taken over'</script>"
CARDS = "[...document.querySelectorAll('article.delivery')]"

# root has no sandbox. The other switches keep the browser from connecting to other hosts.
BROWSER = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-sync", "--disable-background-networking", "--disable-component-update",
           "--hide-scrollbars", "--window-size=1140,1100", "--force-device-scale-factor=1"]


class Browser:
    """A page in Chromium, through ChromeDriver: https://www.w3.org/TR/webdriver2/"""

    def __init__(self, at_end, profile):
        port, log = free_port(), LOGS / "chromedriver.log"
        driver = start(at_end, log, "chromedriver", f"--port={port}")
        self.base = f"http://127.0.0.1:{port}"
        assert wait_until(lambda: answers(f"{self.base}/status"), driver), log.read_text()
        options = {"args": [*BROWSER, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.command("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.base += f"/session/{session['sessionId']}"
        at_end.callback(self.command, "DELETE", "")

    def command(self, method, path, parameters=None):
        body = None if parameters is None else json.dumps(parameters).encode()
        status, answer = http(self.base + path, body, method=method)
        assert status == 200, answer
        return json.loads(answer)["value"]

    def open(self, url):
        self.command("POST", "/url", {"url": url})

    def run(self, script):
        return self.command("POST", "/execute/sync", {"script": f"return {script}", "args": []})

    def console(self):
        """Returns the console's messages, such as violations of the page's security policy."""
        entries = self.command("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    def use_dark_theme(self):
        media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        command = {"cmd": "Emulation.setEmulatedMedia", "params": media}
        self.command("POST", "/goog/cdp/execute", command)

    def screenshot(self, path):
        picture = base64.b64decode(self.command("GET", "/screenshot"))
        pathlib.Path(path).write_bytes(picture)


def sample(name):
    """Returns the body and headers of a sample, as Segment would send it."""
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event["body"].encode(), event["headers"]


def signed(message):
    body = json.dumps(message).encode()
    return body, {"X-Signature": sign(body)}


def deliver(webhook):
    """Sends four deliveries, of which one holds a script, and returns their number."""
    scripted = {"type": "track", "event": SCRIPT, "messageId": "m-script",
                "userId": "sarah@klaviyo-demo.com", "properties": {"note": SCRIPT}}
    deliveries = [(sample("unsigned"), 401), (signed(scripted), 200), (sample("batch"), 200),
                  (sample("order-completed"), 200)]
    for (body, headers), expected in deliveries:
        status, answer = http(webhook, body, headers)
        assert status == expected, (status, answer)
    return len(deliveries)


def check_content(browser):
    """The page shows each delivery, the latest first, with its outcomes and requests."""
    order, batch, script, unsigned = browser.run(f"{CARDS}.map((card) => card.innerText)")
    for text, parts in [
        (order, ["200", "1 delivered", "Order Completed", "delivered", "/api/events", "202"]),
        (batch, ["200", "3 delivered, 2 ignored, 1 rejected", "no_email", "invalid_event_name"]),
        (script, ["200", SCRIPT, "/api/events", "202"]),
        (unsigned, ["401", "X-Signature", "Nothing"]),
    ]:
        for part in parts:
            assert part in text, (part, text)


def check_escaping(browser):
    """A script in a message is text, also in the details of the delivery."""
    markup = "document.querySelectorAll('#deliveries script, #deliveries [onclick]').length"
    assert browser.run(markup) == 0
    details = f"{CARDS}[2].querySelector('details')"
    browser.run(f"{details}.open = true")
    assert SCRIPT in browser.run(f"{details}.querySelector('pre').innerText")
    browser.run(f"{details}.open = false")
    assert "taken over" not in browser.run("document.title"), "a message became markup"
    messages = browser.console()
    assert not messages, messages


def check_themes(browser):
    background = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(background)
    browser.use_dark_theme()
    assert browser.run(background) != light, "the dark theme has the light background"


def check(screenshot=None):
    with contextlib.ExitStack() as at_end:
        log = LOGS / "serve.log"
        program = start(at_end, log, TOOL, "serve", "--listen", "127.0.0.1:0")
        urls = wait_until(lambda: re.findall(r"http://\S+", log.read_text()), program)
        assert urls, log.read_text()
        webhook, page = urls

        browser = Browser(at_end, at_end.enter_context(tempfile.TemporaryDirectory()))
        browser.open(page)
        live = "document.getElementById('state').textContent === 'live'"
        assert wait_until(lambda: browser.run(live)), "the page is not live"
        count = deliver(webhook)
        assert wait_until(lambda: browser.run(f"{CARDS}.length") == count), "deliveries are missing"
        check_content(browser)
        check_escaping(browser)
        if screenshot:
            browser.run(f"{CARDS}[0].querySelector('.side:last-child .row').open = true")
            browser.screenshot(screenshot)
        check_themes(browser)
        print(f"{count} deliveries appear, their content is text, the console is empty")


check(*sys.argv[1:])
