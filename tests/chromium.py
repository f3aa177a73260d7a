"""A headless Chromium that loads a page, runs one script in it and gives back what it says."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_chromium = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
TIMEOUT_SECONDS = 120


def run_in_page(page: Path, script: str) -> Any:
    """Append `script`, an expression of JavaScript, to a copy of the page; its value as JSON."""
    assert BROWSER is not None
    probe = (
        '<pre id="probe"></pre><script>window.addEventListener("load", () => {'
        f'document.getElementById("probe").textContent = JSON.stringify({script});}});</script>'
    )
    copy = page.with_name("probed.html")
    copy.write_text(page.read_text().replace("</body>", probe + "</body>"))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,800",
               f"--user-data-dir={page.parent / 'profile'}", "--virtual-time-budget=5000",
               "--dump-dom", copy.absolute().as_uri()]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True
    )
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))
