"""Drives a headless Chromium: a page in a frame of a given width, looked at by a script beside it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--disable-extensions",
)  # fmt: skip
SECONDS = 120

# The frame has the width of a telephone where a window could not: Chromium's are at least 500 pixels wide.
HARNESS = """<!DOCTYPE html><html lang="en"><title>harness</title><body>
<iframe id="frame" style="width:{width}px;height:2000px;border:0" srcdoc="{page}"></iframe><pre id="said"></pre>
<script>
const frame = document.getElementById("frame");
frame.addEventListener("load", async () => {{
  let said;
  try {{ said = await (async (page, view) => {{ {script} }})(frame.contentDocument, frame.contentWindow); }}
  catch (error) {{ said = {{error: String(error)}}; }}
  frame.remove();
  document.getElementById("said").textContent = JSON.stringify(said);
}});
</script></body></html>"""


def chromium():
    """Where the browser is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def look(page, script, folder, width=1280, dark=False):
    """What a script returns that looks at a page as a browser shows it.

    Args:
        page: the page's source.
        script: the body of an async JavaScript function of ``page``, the document, and
            ``view``, its window; what it returns must go into JSON.
        folder: to work in.
        width: of the page, in CSS pixels.
        dark: whether the user prefers a dark page.
    """
    harness = Path(folder) / "harness.html"
    harness.write_text(HARNESS.format(width=width, page=html.escape(page), script=script), encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    profile = f"--user-data-dir={Path(folder) / 'profile'}"
    size = f"--window-size={max(width, 500)},2000"
    command = [chromium(), *FLAGS, scheme, profile, size, "--virtual-time-budget=60000", "--dump-dom", harness.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    said = re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said and said[1], f"the browser said nothing: {done.stderr[-500:]}"
    return json.loads(html.unescape(said[1]))


def fetch_axe(folder):
    """The source of axe-core, from npm; raises OSError with the reason where it cannot be had."""
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("npm is not installed, and axe-core comes from it")
    command = [npm, "pack", "--silent", "--pack-destination", str(folder), "axe-core@4"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=folder)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"npm took more than {SECONDS} s") from error
    if done.returncode:
        raise OSError(f"npm cannot fetch axe-core: {done.stderr.strip().splitlines()[:1]}")
    with tarfile.open(next(Path(folder).glob("axe-core-*.tgz"))) as archive:
        return archive.extractfile("package/axe.min.js").read().decode("utf-8")
