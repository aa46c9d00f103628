"""The artifact of a cache that machines share."""

from __future__ import annotations

import pytest

from grocker import digest as digests
from grocker.errors import CorruptError, DeniedError, GrockerError
from grocker.oci import Layer
from grocker.oci.reference import parse
from grocker.oci.values import LAYER_GZIP, Descriptor
from grocker.progress import Silent
from grocker.registry import Credentials, MountCandidates
from grocker.registry.shared_cache import SharedCache
from grocker.store.snapshot import SharedFile, SharedResult, Snapshot
from grocker.web import Transport
from grocker.web.failure import HttpUnavailableError
from tests.registry.test_push import BOB, NOBODY, pushed
from tests.support import registry as support
from tests.support.image import MemoryBlobs, made_image
from tests.support.registry import Registry

ONE, OTHER = b"one layer", b"another layer"


@pytest.fixture
def machine(registry: Registry, transport: Transport) -> Machine:
    return Machine(registry, transport)


class Machine:
    """Opens the cache as a new process does."""

    def __init__(self, registry: Registry, transport: Transport) -> None:
        self.registry = registry
        self.transport = transport
        self.heard: list[GrockerError] = []
        self.credentials = NOBODY

    def open(self, name: str = "team/cache:polls") -> SharedCache:
        reference = parse(f"{self.registry.host}/{name}")
        return SharedCache(self.transport, reference, lambda: self.credentials, MountCandidates())

    def read(self) -> SharedCache:
        cache = self.open()
        cache.begin(self.heard.append)
        return cache

    def write(self, cache: SharedCache, key: str, *contents: bytes, today: int = 9) -> None:
        blobs = MemoryBlobs({digests.of(one): one for one in contents})
        layers = {digests.of(one): layer(one) for one in contents}
        files = {digest: SharedFile(today, one.size, LAYER_GZIP) for digest, one in layers.items()}
        used = Snapshot({f"steps/{key}": SharedResult(today, key.encode())}, files)
        cache.write(used, layers, blobs, made=set(), today=today, progress=Silent())


def layer(content: bytes) -> Layer:
    digest = digests.of(content)
    return Layer(Descriptor(media_type=LAYER_GZIP, digest=digest, size=len(content)), digest, "a layer")


def test_cache_gives_what_another_machine_wrote(machine: Machine) -> None:
    machine.write(machine.open(), "first", ONE)
    cache = machine.read()
    assert cache.result("steps", "first") == b"first"
    assert cache.result("steps", "second") is None
    assert cache.size(digests.of(ONE)) == len(ONE)
    assert b"".join(cache.read(digests.of(ONE))) == ONE
    assert machine.heard == []


def test_empty_cache_has_nothing_and_is_no_reason_to_warn(machine: Machine) -> None:
    assert machine.read().result("steps", "first") is None
    assert machine.heard == []


def test_later_writer_keeps_what_others_wrote_and_sends_only_what_is_new(machine: Machine) -> None:
    first, second = machine.read(), machine.read()
    machine.write(first, "first", ONE)
    # The second one looked before the first one wrote.
    machine.write(second, "second", ONE, OTHER)
    cache = machine.read()
    assert (cache.result("steps", "first"), cache.result("steps", "second")) == (b"first", b"second")
    assert {cache.size(digests.of(ONE)), cache.size(digests.of(OTHER))} == {len(ONE), len(OTHER)}
    assert machine.registry.asked("PUT", "/manifests/") == 2


def test_cache_mounts_the_layers_of_images(registry: Registry, transport: Transport, machine: Machine) -> None:
    image, blobs = made_image("a" * 100_000)
    [whole] = image.layers
    candidates = MountCandidates()
    candidates.add(registry.host, "team/polls", [whole.digest])
    pushed(transport, registry, image, blobs)
    cache = SharedCache(transport, parse(f"{registry.host}/team/cache:polls"), lambda: NOBODY, candidates)
    used = Snapshot({}, {whole.digest: SharedFile(9, whole.size, whole.descriptor.media_type)})
    cache.write(used, {whole.digest: whole}, MemoryBlobs({}), made=set(), today=9, progress=Silent())
    assert ("team/cache", whole.digest) in registry.blobs


def test_image_under_the_caches_name_is_neither_read_nor_replaced(
    registry: Registry, transport: Transport, machine: Machine
) -> None:
    pushed(transport, registry, *made_image())
    before = dict(registry.manifests)
    cache = machine.open("team/polls:1.0")
    cache.begin(machine.heard.append)
    assert cache.result("steps", "first") is None
    assert "is not a cache" in machine.heard[0].message
    with pytest.raises(CorruptError, match="is not a cache"):
        machine.write(cache, "first", ONE)
    assert registry.manifests == before


def test_who_may_only_read_reads(registry: Registry, machine: Machine) -> None:
    machine.write(machine.open(), "first", ONE)
    registry.tokens = support.Tokens(actions={"pull"})
    cache = machine.read()
    assert cache.result("steps", "first") == b"first"
    with pytest.raises(DeniedError):
        machine.write(cache, "second", OTHER)


def test_credentials_are_sent_when_the_registry_asks(registry: Registry, machine: Machine) -> None:
    registry.users = {"bob": "right"}
    machine.credentials = BOB
    machine.write(machine.open(), "first", ONE)
    assert machine.read().result("steps", "first") == b"first"
    machine.credentials = Credentials("the credentials of eve", "eve", "wrong")
    assert machine.read().result("steps", "first") is None
    assert [type(one) for one in machine.heard] == [DeniedError]


def test_registry_that_fails_gives_an_empty_cache_and_the_reason(registry: Registry, machine: Machine) -> None:
    machine.write(machine.open(), "first", ONE)
    registry.fail("GET", "/manifests/", times=9)
    assert machine.read().result("steps", "first") is None
    assert [type(one) for one in machine.heard] == [HttpUnavailableError]


def test_changed_snapshot_is_refused(registry: Registry, machine: Machine) -> None:
    machine.write(machine.open(), "first", ONE)
    for (repository, digest), data in list(registry.blobs.items()):
        registry.blobs[repository, digest] = data[:-1] + b"\xff"
    assert machine.read().result("steps", "first") is None
    assert [type(one) for one in machine.heard] == [CorruptError]


def test_cache_is_written_anew_when_the_registry_lost_files_of_it(registry: Registry, machine: Machine) -> None:
    machine.write(machine.open(), "first", ONE)
    del registry.blobs["team/cache", digests.of(ONE)]
    machine.write(machine.open(), "second", OTHER)
    cache = machine.read()
    assert cache.result("steps", "second") == b"second"
    assert cache.size(digests.of(ONE)) is None
    assert cache.size(digests.of(OTHER)) == len(OTHER)


def test_unused_entries_go(machine: Machine) -> None:
    machine.write(machine.open(), "first", ONE, today=1)
    machine.write(machine.open(), "second", OTHER, today=100)
    cache = machine.read()
    assert (cache.result("steps", "first"), cache.size(digests.of(ONE))) == (None, None)
    assert cache.result("steps", "second") == b"second"
