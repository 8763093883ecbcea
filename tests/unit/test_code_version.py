"""A batch says which code took it: as the deployment calls it, else the commit, else a digest of the code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from credit_exchange.steps.code_version import code_version, commit_of


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with one commit."""
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "-q", "-b", "main")
    git(clone, "commit", "-q", "--allow-empty", "-m", "first")
    return clone


def git(clone: Path, *given: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *settings, *given], cwd=clone, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_of_a_clone_is_found_however_git_keeps_it(clone: Path) -> None:
    commit = git(clone, "rev-parse", "HEAD")[:12]
    assert commit_of(clone) == commit
    git(clone, "pack-refs", "--all")
    assert commit_of(clone) == commit
    git(clone, "worktree", "add", "-q", "-b", "other", str(clone.parent / "other"))
    assert commit_of(clone.parent / "other") == commit
    git(clone, "checkout", "-q", "--detach")
    assert commit_of(clone) == commit


def test_without_a_clone_there_is_none(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""


@pytest.mark.parametrize("is_clone", [False, True])
def test_what_the_deployment_says_wins(monkeypatch: pytest.MonkeyPatch, is_clone: bool) -> None:
    if not is_clone:
        monkeypatch.setattr("credit_exchange.steps.code_version.commit_of", lambda _clone: "")
    code_version.cache_clear()
    assert code_version().startswith("sources-") != is_clone
    monkeypatch.setenv("CREDIT_EXCHANGE_VERSION", " 1.4.2 ")
    code_version.cache_clear()
    assert code_version() == "1.4.2"
    monkeypatch.undo()
    code_version.cache_clear()
