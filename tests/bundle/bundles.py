"""Bundles of small federations, and ways to change them as a forger would."""

import tarfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from aggregator.bundle import BundleAudit, audit_bundle
from fl_node.bundle.archive import entry_of, pack, unpack
from fl_node.bundle.manifest import Manifest
from fl_node.bundle.write import Written, write_bundle
from fl_node.chain.excerpt import Excerpt
from fl_node.tar import END, tar_member
from tests.small_federation import SmallFederation, silent


def written(
    federation: SmallFederation, file: Path, *, light: bool = False, until: int | None = None
) -> Written:
    excerpt = Excerpt(federation.chain, federation.address, until)
    return write_bundle(file, excerpt, federation.store, light=light, say=silent)


def verified(file: Path, **options: object) -> BundleAudit:
    return audit_bundle(file, progress=silent, **options)


def members(file: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(file) as archive:
        return [(each.name, archive.extractfile(each).read()) for each in archive]


def put_together(file: Path, parts: Iterable[tuple[str, bytes]]) -> Path:
    """Write an archive of these members, whatever the manifest among them says."""
    with file.open("wb") as stream:
        for name, content in parts:
            stream.writelines(tar_member(name, len(content), 0o644, [content]))
        stream.write(END)
    return file


def forged(file: Path, folder: Path, change: Callable[[Path], None], **said: object) -> Path:
    """Take a bundle apart, change its files, and write it with a manifest that fits them."""
    folder.mkdir()
    manifest = unpack(file, folder)
    change(folder)
    present = {
        each.relative_to(folder).as_posix(): each for each in folder.rglob("*") if each.is_file()
    }
    files = tuple(entry_of(name, present[name]) for name in sorted(present))
    again: Manifest = replace(manifest, files=files, **said)
    pack(again, present, folder.with_suffix(".bundle"))
    return folder.with_suffix(".bundle")


def nothing(_: Path) -> None:
    return None
