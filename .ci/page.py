"""The page of `local serve` in a real browser: deliveries appear while it is open, and what they say stays text.

    python3 .ci/page.py PATH_TO_LOCAL [SCREENSHOT.png]

Needs Debian's chromium and chromium-driver, and nothing from PyPI: the driver speaks HTTP.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).parent.parent
SHARED_SECRET = b"local-shared-secret"
SCRIPT = "<script>document.title = 'taken over'</script>"

# As root there is no sandbox; the rest keeps the browser from looking for hosts that are none of ours.
BROWSER = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
           "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
           "--window-size=1140,1100", "--force-device-scale-factor=1"]


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def http(url, body=None, headers={}):
    """Status and body of the answer, whatever the status."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def eventually(what, check):
    """The first true thing that `check` gives."""
    for _ in range(100):
        try:
            if found := check():
                return found
        except urllib.error.URLError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{what}: not in ten seconds")


class Browser:
    """A page in Chromium, through ChromeDriver: https://www.w3.org/TR/webdriver2/"""

    def __init__(self, profile):
        port = free_port()
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
        self.base = f"http://127.0.0.1:{port}"
        eventually("chromedriver", lambda: self.call("GET", "/status")["ready"])
        options = {"args": [*BROWSER, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.base += f"/session/{session['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": f"return {script}", "args": []})

    def complaints(self):
        """What the console says, of the page's policy or its script."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def dark(self):
        media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": media})

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        if "/session/" in self.base:
            self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait(timeout=10)


def sample(name):
    """Body and headers of a sample, as Segment would send it."""
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event["body"].encode(), event["headers"]


def signed(message):
    body = json.dumps(message).encode()
    return body, {"X-Signature": hmac.new(SHARED_SECRET, body, hashlib.sha1).hexdigest()}


def check(url, page, browser, screenshot):
    browser.open(page)
    eventually("the page", lambda: browser.run("document.getElementById('state').textContent === 'live'"))
    scripted = {"type": "track", "event": SCRIPT, "messageId": "m-script", "userId": "sarah@klaviyo-demo.com",
                "properties": {"note": SCRIPT}}
    deliveries = [(sample("unsigned"), 401), (signed(scripted), 200), (sample("batch"), 200), (sample("order-completed"), 200)]
    for (body, headers), status in deliveries:
        answered, answer = http(f"{url}/segment", body, headers)
        assert answered == status, (answered, answer)

    cards = "[...document.querySelectorAll('article.delivery')]"
    eventually("the deliveries", lambda: browser.run(f"{cards}.length") == len(deliveries))
    order, batch, script, unsigned = browser.run(f"{cards}.map((card) => card.innerText)")
    for text, parts in [
        (order, ["200", "1 delivered", "Order Completed", "delivered", "/api/events", "202"]),
        (batch, ["200", "3 delivered, 2 ignored, 1 rejected", "no_email", "invalid_event_name", "/api/events"]),
        (script, ["200", SCRIPT, "/api/events", "202"]),
        (unsigned, ["401", "X-Signature", "Nothing"]),
    ]:
        for part in parts:
            assert part in text, (part, text)
    assert browser.run("document.querySelectorAll('#deliveries script, #deliveries [onclick]').length") == 0
    opened = browser.run(f"(() => {{ const pre = {cards}[2].querySelector('details pre');"
                         " pre.closest('details').open = true; return pre.innerText })()")
    assert SCRIPT in opened, opened
    assert "taken over" not in browser.run("document.title"), "a message became markup"
    complaints = browser.complaints()
    assert not complaints, complaints

    if screenshot:
        browser.run(f"{cards}[2].querySelector('details').open = false")
        browser.run(f"{cards}[0].querySelector('.side:last-child .row').open = true")
        browser.screenshot(screenshot)
    light = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.dark()
    dark = browser.run("getComputedStyle(document.body).backgroundColor")
    assert light != dark, "dark is dark"
    print(f"{len(deliveries)} deliveries on the page, what they say is text, the console is empty")


def main(local, screenshot=None):
    program = subprocess.Popen([local, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    browser = None
    try:
        line = program.stdout.readline()
        url, page = re.match(r"(http://[0-9.:]+)/segment .* (http://\S+/) shows", line).groups()
        with tempfile.TemporaryDirectory() as profile:
            browser = Browser(profile)
            check(url, page, browser, screenshot and pathlib.Path(screenshot))
            browser.close()
            browser = None
    finally:
        if browser:
            browser.close()
        program.terminate()
        program.wait(timeout=10)


main(*sys.argv[1:])
