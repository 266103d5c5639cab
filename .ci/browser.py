"""A page in Chromium, through ChromeDriver. Needs Debian's chromium and chromium-driver."""

import base64
import json
import pathlib

from rig import LOGS, answers, free_port, http, start, wait_until

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

    def press(self, *keys):
        """Presses keys one after another: letters, or WebDriver's code points of other keys."""
        events = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": events}
        self.command("POST", "/actions", {"actions": [source]})

    def use_width(self, width):
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        command = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        self.command("POST", "/goog/cdp/execute", command)

    def use_dark_theme(self):
        media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        command = {"cmd": "Emulation.setEmulatedMedia", "params": media}
        self.command("POST", "/goog/cdp/execute", command)

    def screenshot(self, path):
        picture = base64.b64decode(self.command("GET", "/screenshot"))
        pathlib.Path(path).write_bytes(picture)
