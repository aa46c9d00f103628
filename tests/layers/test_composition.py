"""What a layer that is made tells people meanwhile."""

from __future__ import annotations

from pathlib import Path

from grocker.context import Context
from grocker.layers.composition import build_layer
from grocker.plan.layers import PlannedLayer
from grocker.progress import Silent, Task
from grocker.store import Store
from grocker.tar import member as members
from grocker.tar.entry import File
from grocker.tar.member import Member
from grocker.web import Transport


class Said(Silent):
    """Keeps what was begun."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []

    def task(self, what: str, total: int | None = None) -> Task:
        self.begun.append(what)
        return super().task(what, total)


def test_layer_is_spoken_of_while_its_parts_are_packed_and_not_when_it_is_kept(tmp_path: Path) -> None:
    progress, heard = Said(), []
    with Store.open(tmp_path) as store, Transport(environ={}) as transport:
        context = Context(store, transport, progress, {}, now=0)

        def parts() -> list[Member]:
            heard.append(list(progress.begun))
            return [members.make_member(store, "a", [File("opt/a", b"a")], subject="a 1.0", epoch=0)]

        plan = PlannedLayer("wheels", "wheels", "0" * 64, ("a 1.0",))
        assert build_layer(context, plan, parts, epoch=0).is_new
        assert not build_layer(context, plan, parts, epoch=0).is_new
    assert heard == [["packing the layer wheels"]]
    assert progress.begun == ["packing the layer wheels", "composing the layer wheels"]
