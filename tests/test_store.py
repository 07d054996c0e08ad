"""Models from a hub: the real client against a small server on loopback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from clipart.cli import main
from clipart.cli.downloads import fetch_named
from clipart.cli.sink import Sink
from clipart.critic.clip import load_clip
from clipart.errors import ModelError, ResourceError
from clipart.models import fetch, ledger, registry, source, store
from clipart.models import hub as hub_door
from tests.hub_server import OLD_REPO, REPO, Hub, serve

ROOT = Path(__file__).parents[1]
NAME = f"hf-hub:{REPO}"
CONFIG, WEIGHTS = store.CONFIG, store.WEIGHTS[0]
TIMEOUT = 240  # seconds; a process takes two where nobody else works
CLI = [sys.executable, "-c", "import sys; from clipart.cli import main; sys.exit(main())", "models"]


@pytest.fixture(scope="module")
def repository(random_clip: str) -> dict[str, bytes]:
    """The files of the small CLIP of the other tests."""
    folder = Path(random_clip.removeprefix("local-dir:"))
    return {name: (folder / name).read_bytes() for name in (CONFIG, WEIGHTS)}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables that keep a process to folders of its own."""
    return {
        "CLIPART_HOME": str(tmp_path / "home"),
        "HF_HOME": str(tmp_path / "hf"),
        "NO_PROXY": "127.0.0.1,localhost",
    }


@pytest.fixture
def hub(
    repository: dict[str, bytes], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Hub]:
    """A hub that the client of this process believes to be the real one."""
    from huggingface_hub import close_session, constants

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with serve(Hub(dict(repository))) as running:
        # The client reads its variables once, when it is imported; a new process reads these:
        environment["HF_ENDPOINT"] = running.url
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)
        close_session()
        yield running
        close_session()


@pytest.fixture
def entry() -> registry.Entry:
    return registry.find(NAME)


def cli(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CLI, *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:  # which closes its pipes
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, out, err


def blobs(entry: registry.Entry) -> list[str]:
    return sorted(path.name for path in (store.in_cache(entry) / "blobs").glob("*"))


def test_pull_announces_then_fetches_then_asks_no_more(hub: Hub, entry: registry.Entry) -> None:
    told: list[tuple[int, int]] = []

    def announce(plan: fetch.Plan) -> None:
        assert not hub.transfers(WEIGHTS)
        assert (plan.licence, plan.pickled, plan.done) == ("mit", False, 0)
        assert plan.size == sum(map(len, hub.files.values()))
        told.append((0, plan.size))

    assert store.state(entry) == "absent"
    files = fetch.pull(entry, fetch.Watch(announce, lambda done, total: told.append((done, total))))
    assert files.weights.read_bytes() == hub.files[WEIGHTS]
    assert files.config is not None
    assert files.config.read_bytes() == hub.files[CONFIG]
    assert files.sha256 == hub.tag(WEIGHTS)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == told[0][1]
    assert store.state(entry) == "here"
    asked = len(hub.log)
    assert fetch.pull(entry) == files == store.checked(entry)
    assert len(hub.log) == asked


def test_a_tokenizer_of_transformers_comes_with_its_model(
    hub: Hub, entry: registry.Entry, tmp_path: Path
) -> None:
    from tests.test_foreign import write_model

    made = tmp_path / "made"
    made.mkdir()
    write_model(made)
    hub.files = {path.name: path.read_bytes() for path in made.iterdir()}
    plans: list[fetch.Plan] = []
    fetch.pull(entry, fetch.Watch(plans.append))
    asked = [[file.name for file in plan.files] for plan in plans]
    assert asked == [[CONFIG, WEIGHTS], ["tokenizer.json", "tokenizer_config.json"]]
    fetch.pull(entry)
    hub.log.clear()
    assert source.tokenizer_folder(NAME) == source.find_source(NAME).tokenizer
    assert load_clip(NAME, torch.device("cpu")).encode_texts(["apple"]).shape == (1, 16)
    assert hub.log == []  # nothing asks the hub but a pull
    folder = source.tokenizer_folder(NAME)
    assert folder is not None
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"^tokenizer\.json of .* is not on this machine[\s\S]*models pull"):
        source.find_source(NAME)
    fetch.pull(entry)
    assert source.find_source(NAME).tokenizer is not None
    store.remove(entry)
    assert store.state(entry) == "absent"


def test_a_cut_connection_goes_on_by_itself(hub: Hub, entry: registry.Entry) -> None:
    hub.cut_at = [1_000_000]
    fetch.pull(entry)
    first, second = hub.transfers(WEIGHTS)
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= 1_000_000


def test_a_later_pull_goes_on_where_the_last_one_stopped(hub: Hub, entry: registry.Entry) -> None:
    hub.cut_at, hub.refuse_after_cut = [1_000_000], 403
    with pytest.raises(ModelError, match="clipart models pull"):
        fetch.pull(entry)
    assert store.state(entry) == "partial"
    assert hub.tag(WEIGHTS) not in blobs(entry)
    with pytest.raises(ModelError, match="not on this machine"):
        store.checked(entry)
    hub.refuse = 0
    hub.log.clear()
    plans: list[fetch.Plan] = []
    fetch.pull(entry, fetch.Watch(plans.append))
    (span,) = hub.transfers(WEIGHTS)
    assert int(span.removeprefix("bytes=").rstrip("-")) > 900_000
    assert plans[0].done > 900_000
    assert not hub.transfers(CONFIG)


@pytest.mark.parametrize("status", [403, 500, 401])
def test_a_refusal_is_a_message(hub: Hub, entry: registry.Entry, status: int) -> None:
    hub.refuse = status
    with pytest.raises(ModelError, match=r"hf-hub:acme/random-clip"):
        fetch.pull(entry)


def test_a_file_that_ends_too_early_gets_no_name(hub: Hub, entry: registry.Entry) -> None:
    hub.served[WEIGHTS] = hub.files[WEIGHTS][:-1000]
    with pytest.raises(ModelError, match="size"):
        fetch.pull(entry)
    assert hub.tag(WEIGHTS) not in blobs(entry)
    assert store.locate(entry) is None


@pytest.mark.parametrize("how", ["more", "packed", "drip"])
def test_an_answer_without_bounds_is_given_up(
    how: str, hub: Hub, entry: registry.Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipart.models.hub.WINDOW", 0.2)
    if how == "more":
        hub.served[CONFIG] = hub.served[WEIGHTS] = hub.files[WEIGHTS] * 3
    elif how == "packed":
        hub.packed = "gzip"
    else:
        hub.drip = 0.01
    with pytest.raises(ModelError, match=r"more than|packed|bytes a second"):
        fetch.pull(entry)
    assert blobs(entry) == []


def test_an_answer_whose_head_trickles_in_is_given_up(
    hub: Hub, entry: registry.Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipart.models.hub.HEAD", 0.3)
    hub.drip_head = 0.02
    with pytest.raises(ModelError, match="did not answer within 0 seconds; given up"):
        fetch.pull(entry)
    assert blobs(entry) == []


def test_what_is_announced_is_what_is_asked(hub: Hub, entry: registry.Entry) -> None:
    plans: list[fetch.Plan] = []
    fetch.pull(entry, fetch.Watch(plans.append))
    assert plans[0].source == f"{hub.url}/{REPO}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://[::1"),
        ("HTTPS_PROXY", "ftp://a"),
        ("ALL_PROXY", "http://a:b"),
        ("HF_ENDPOINT", "nonsense"),
        ("HF_ENDPOINT", "http://[bad"),
        ("HF_ENDPOINT", "http://\udcff"),
        ("HF_TOKEN", "hf_é"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "abc"),
    ],
)
def test_a_variable_that_the_client_cannot_read(
    name: str, value: str, hub: Hub, entry: registry.Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert list(hub_door.wrong_variables()) == [name]
    with pytest.raises(ModelError, match=rf"^{name}"):
        fetch.pull(entry)
    with hub_door.set_aside():
        assert name not in os.environ
    assert os.environ[name] == value


def test_right_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"HTTPS_PROXY": "proxy:3128", "HF_ENDPOINT": "https://hf-mirror.com/x", "HF_TOKEN": "hf_abc"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert hub_door.wrong_variables() == {}


def test_a_cache_that_may_not_be_read(
    hub: Hub, entry: registry.Entry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/hf/hub")

    monkeypatch.setattr("clipart.models.store.find_file", refuse)
    with pytest.raises(ModelError, match="/hf/hub cannot be read"):
        fetch.pull(entry)
    assert main(["models"]) == 0
    assert capsys.readouterr().err.count("cannot be read") == 1


def test_a_link_out_of_the_cache_is_left_alone(hub: Hub, entry: registry.Entry, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    weights = fetch.pull(entry).weights
    weights.unlink()
    weights.symlink_to(victim)
    with pytest.raises(ModelError, match="not the file that it was"):
        store.verify(entry)
    assert victim.read_bytes() == b"precious"
    assert not weights.is_symlink()


def test_wrong_content_goes_into_quarantine(hub: Hub, entry: registry.Entry) -> None:
    hub.served[WEIGHTS] = bytes(len(hub.files[WEIGHTS]))
    with pytest.raises(ModelError, match="did not arrive as it should"):
        fetch.pull(entry)
    assert any(name.endswith(store.QUARANTINED) for name in blobs(entry))
    assert store.locate(entry) is None
    hub.served.clear()
    assert fetch.pull(entry).sha256 == hub.tag(WEIGHTS)


def test_the_registry_has_the_last_word(hub: Hub) -> None:
    pinned = registry.Entry("pinned", repo=REPO, sha256="0" * 64)
    with pytest.raises(ModelError, match="0000"):
        fetch.pull(pinned)
    assert store.locate(pinned) is None


def test_a_moved_repository_is_followed(hub: Hub) -> None:
    old = registry.find(f"hf-hub:{OLD_REPO}")
    assert fetch.pull(old).sha256 == hub.tag(WEIGHTS)
    assert any(OLD_REPO in path for _, path, _ in hub.log)


def test_a_revision_is_asked_for(hub: Hub) -> None:
    fetch.pull(registry.find(f"{NAME}@v2"))
    assert ("GET", f"/api/models/{REPO}/revision/v2", "") in hub.log


def test_no_such_repository(hub: Hub) -> None:
    with pytest.raises(ModelError, match="no such model"):
        fetch.pull(registry.find("hf-hub:acme/nothing"))


def test_a_repository_that_open_clip_did_not_write(hub: Hub, entry: registry.Entry) -> None:
    del hub.files[CONFIG]
    with pytest.raises(ModelError, match=CONFIG.replace(".", r"\.")):
        fetch.pull(entry)


def test_nobody_answers(hub: Hub, entry: registry.Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"connection failed[\s\S]*put it into"):
        fetch.pull(entry)


def test_offline(hub: Hub, entry: registry.Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE") as caught:
        fetch.pull(entry)
    for said in (f"clipart models pull {NAME}", WEIGHTS, CONFIG, str(store.by_hand(entry))):
        assert said in str(caught.value)
    with pytest.raises(ModelError, match="605 MB"):
        fetch.pull(registry.find("fare4-b32"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    files = fetch.pull(entry)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.log.clear()
    assert fetch.pull(entry) == files
    assert hub.log == []


def test_two_processes_at_once(hub: Hub, entry: registry.Entry, environment: dict[str, str]) -> None:
    hub.delay = 2.5
    both = [cli(environment, "pull", NAME, "--json") for _ in range(2)]
    results = [finished(process) for process in both]
    for code, out, err in results:
        assert code == 0, err
        events = [json.loads(line) for line in out.splitlines()]
        assert [event["event"] for event in events] == ["pull", "pulled"]
        assert events[0]["licence"] == "mit"
        assert events[1]["sha256"] == hub.tag(WEIGHTS)
    assert len(hub.transfers(WEIGHTS)) == 1
    assert "waiting" in results[0][2] + results[1][2]
    assert store.checked(entry).sha256 == hub.tag(WEIGHTS)


def test_a_change_after_the_first_use_is_seen(
    hub: Hub, entry: registry.Entry, environment: dict[str, str]
) -> None:
    weights = fetch.pull(entry).weights
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.resolve().write_bytes(data)
    code, _, err = finished(cli(environment | {"HF_HUB_OFFLINE": "1"}, "verify"))
    assert code == 3
    assert "not the file that it was" in err
    code, out, err = finished(cli(environment | {"HF_HUB_OFFLINE": "1"}, "pull", NAME, "--json"))
    assert code == 3
    assert f"clipart models pull {NAME}" in err
    assert json.loads(out)["kind"] == "model"
    assert store.locate(entry) is None
    assert fetch.pull(entry).sha256 == hub.tag(WEIGHTS)


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_line(hub: Hub, entry: registry.Entry, capsys: pytest.CaptureFixture[str]) -> None:
    def states() -> dict[str, str]:
        assert main(["models", "--json"]) == 0
        return {each["name"]: each["state"] for each in events(capsys)[0]["models"]}  # type: ignore

    ensembles = dict.fromkeys(registry.ensembles(), "absent")
    assert states() == ensembles | {
        each.name: "embedded" if each.embedded else "absent" for each in registry.entries()
    }
    assert main(["models", "pull", NAME]) == 0
    out, err = capsys.readouterr()
    assert str(store.checked(entry).weights) in out
    assert "licence mit" in err
    assert states()[NAME] == "here"
    assert main(["models", "path", NAME, "--json"]) == 0
    assert events(capsys)[0]["path"] == str(store.checked(entry).weights)
    assert main(["models", "verify", "--json"]) == 0
    assert {(each["name"], each["ok"]) for each in events(capsys)} == {
        ("tiny", True), ("tiny-80", True), ("tiny-judge", True), ("tiny-resnet", True), ("tiny-vqgan", True), (NAME, True)
    }  # fmt: skip
    assert main(["models", "rm", NAME, "--json"]) == 0
    assert events(capsys)[0]["bytes"] == sum(map(len, hub.files.values()))
    assert NAME not in states()
    assert main(["models", "path", NAME]) == 3
    assert main(["models", "pull"]) == 2
    assert main(["models", "pul", NAME]) == 2
    assert "Did you mean pull" in capsys.readouterr().err


def test_what_a_person_names_is_fetched_once(hub: Hub, random_clip: str) -> None:
    sink = Sink("quiet")
    fetch_named(sink, [f"{NAME}::0.5", "tiny", random_clip, "ViT-B-32@weights.pt"])
    assert len(hub.transfers(WEIGHTS)) == 1
    asked = len(hub.log)
    fetch_named(sink, [NAME])
    assert len(hub.log) == asked


def test_files_put_there_by_hand(hub: Hub, entry: registry.Entry) -> None:
    folder = store.by_hand(entry)
    folder.mkdir(parents=True)
    for name, data in hub.files.items():
        (folder / name).write_bytes(data)
    assert store.checked(entry).weights == folder / WEIGHTS
    (folder / WEIGHTS).write_bytes(b"something else")
    with pytest.raises(ModelError, match="not the file that it was"):
        store.checked(entry)
    assert not (folder / WEIGHTS).exists()
    assert hub.log == []


def test_rm_leaves_nothing(hub: Hub, entry: registry.Entry) -> None:
    hub.cut_at, hub.refuse_after_cut = [1_000_000], 403
    with pytest.raises(ModelError):
        fetch.pull(entry)
    assert store.remove(entry) > 900_000
    hub.refuse = 0
    fetch.pull(entry)
    assert store.remove(entry) == sum(map(len, hub.files.values()))
    assert store.state(entry) == "absent"
    assert ledger.read() == {}
    with pytest.raises(ModelError, match="nothing of it is here"):
        store.remove(entry)
    with pytest.raises(ModelError, match="part of the package"):
        store.remove(registry.find("tiny"))


def test_the_disk_is_asked_first(hub: Hub, entry: registry.Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 30 * 2**20}))
    with pytest.raises(ResourceError, match="Not enough room"):
        fetch.pull(entry)
    assert not hub.transfers(CONFIG)
    assert not hub.transfers(WEIGHTS)


def test_a_pickle_is_announced_and_safetensors_preferred(hub: Hub, entry: registry.Entry) -> None:
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, buffer)
    pickled = store.WEIGHTS[1]
    hub.files[pickled] = buffer.getvalue()
    plans: list[fetch.Plan] = []
    assert fetch.pull(entry, fetch.Watch(plans.append)).weights.name == WEIGHTS
    store.remove(entry)
    del hub.files[WEIGHTS]
    assert fetch.pull(entry, fetch.Watch(plans.append)).weights.name == pickled
    assert [plan.pickled for plan in plans] == [False, True]


def test_records_made_at_once_are_all_kept(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPART_HOME", environment["CLIPART_HOME"])
    keys = [f"acme/model@main/{number}" for number in range(8)]
    threads = [
        threading.Thread(target=ledger.add, args=(key, ledger.Record("model", "0" * 64, 1, "")))
        for key in keys
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(ledger.read()) == keys


def test_a_broken_ledger_is_named(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPART_HOME", environment["CLIPART_HOME"])
    ledger.path().parent.mkdir(parents=True)
    ledger.path().write_text('{"files": 7}')
    with pytest.raises(ModelError, match=r"models\.json is broken"):
        ledger.read()


def test_the_table() -> None:
    names = [entry.name for entry in registry.entries()]
    assert len(set(names)) == len(names)
    for entry in registry.entries():
        assert registry.find(entry.name) is entry
        assert entry.embedded or (entry.megabytes and entry.licence and entry.about)
    import open_clip

    for entry in registry.entries():
        if entry.architecture:
            about = open_clip.get_pretrained_cfg(entry.architecture, entry.name.rpartition("/")[2])
            assert about["hf_hub"] == f"{entry.repo}/"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ViT-B-32", "ViT-B-32/laion2b_s34b_b79k"),
        ("vit-b-32/OPENAI", "ViT-B-32/openai"),
        ("hf-hub:chs20/fare2-clip", "fare2"),
        ("ViT-B-32-quickgelu/openai", "ViT-B-32-quickgelu/openai"),
    ],
)
def test_names(name: str, found: str) -> None:
    assert registry.find(name).name == found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tinny", "Did you mean tiny"),
        ("ViT-B-32/opnai", "Did you mean ViT-B-32/openai"),
        ("hf-hub:../../etc", "not the name of a repository"),
        ("hf-hub:one", "not the name of a repository"),
        ("", "no such model"),
    ],
)
def test_names_that_are_none(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        registry.find(name)
