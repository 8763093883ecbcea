"""The sandbox around the exchange: the city that delivers and the three platforms that receive."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

from credit_exchange.errors import FatalError
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.processes import Child, Supervisor
from credit_exchange.laptop.settings import DATABASES, REPOSITORY, Laptop

SEED = 7
PLATFORM_FAULTS: dict[str, list[dict[str, object]]] = {
    # refused for a while, then a lost answer to a batch that was stored
    "fuzhou": [{"endpoint": "*", "fault": "503", "times": 2}, {"endpoint": "*", "fault": "commit_then_close"}],
    # slow, and the token dies before its time
    "fujian": [
        {"endpoint": "*", "fault": "slow", "seconds": 2.0, "times": 3},
        {"endpoint": "*", "fault": "token_dies"},
    ],
    # an HTML page instead of an answer, then too busy
    "china": [{"endpoint": "*", "fault": "html_200"}, {"endpoint": "*", "fault": "busy", "times": 2}],
}
"""How the platforms misbehave on request; the names are those of `include/sandbox/platforms/faults.py`."""
_GENERATION_TIMEOUT_S = 600


class Sandbox:
    """City and platforms of one laptop."""

    def __init__(self, laptop: Laptop, environment: dict[str, str], *, faults: bool = False) -> None:
        """With faults, deliveries are broken and platforms misbehave on purpose."""
        self._laptop = laptop
        self._environment = environment
        self._faults = faults

    def deliver(self, business_date: date, server: EmbeddedPostgres) -> bool:
        """Let the city deliver the day's files and rows, unless it has done so; returns whether it did now.

        Raises FatalError with the generator's own words when it fails.
        """
        marker = self._laptop.home / "city" / "delivered.json"
        wanted = {"until": business_date.isoformat(), "seed": SEED, "faults": self._faults}
        if marker.exists() and json.loads(marker.read_text(encoding="utf-8")) == wanted:
            return False
        home = str(self._laptop.home / "city")
        inbox = self._environment["CREDIT_EXCHANGE_INBOX"]
        until = business_date.isoformat()
        self._city(
            "generate", "--home", home, "--inbox", inbox, "--seed", str(SEED), "--until", until, "--days", "1",
            *(["--faults"] if self._faults else []),
        )  # fmt: skip
        url = server.url("front", DATABASES["front"])
        self._city("load-database", "--home", home, CITY_DATABASE_URL=url)
        marker.write_text(json.dumps(wanted), encoding="utf-8")
        return True

    def start(self, supervisor: Supervisor) -> None:
        """Start the three platforms and the city's HTTP feed."""
        laptop = self._laptop
        ports = f"{laptop.ports.fuzhou},{laptop.ports.fujian},{laptop.ports.china}"
        platforms = ["--kind", "all", "--home", str(laptop.home / "platforms"), "--ports", ports]
        platforms += ["--credentials-file", str(laptop.credentials_file)]
        if self._faults:
            script = laptop.home / "platform-faults.json"
            script.write_text(json.dumps(PLATFORM_FAULTS), encoding="utf-8")
            platforms += ["--faults-file", str(script)]
        self._serve(supervisor, "platforms", ["platforms", *platforms])
        city = ["serve", "--home", str(laptop.home / "city"), "--port", str(laptop.ports.city)]
        self._serve(
            supervisor,
            "city",
            ["city", *city, *(["--faults"] if self._faults else [])],
            CITY_TOKEN=laptop.secrets["city_token"],
        )

    def _serve(self, supervisor: Supervisor, name: str, module: list[str], **secrets: str) -> None:
        """Start a server; its secrets go by the environment, since everybody on the machine sees command lines."""
        command = [sys.executable, "-m", *module]
        supervisor.add(Child(name, command, self._environment | secrets, self._laptop.log(name)))

    def _city(self, *arguments: str, **secrets: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "city", *arguments],
            env=self._environment | secrets,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GENERATION_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise FatalError(f"沙箱城市没有做成 `{arguments[0]}`：\n{(done.stderr or done.stdout)[-3000:]}")
