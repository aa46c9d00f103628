"""Why a layer will be made again."""

from __future__ import annotations

from msgspec.structs import replace

from grocker.plan.explain import explain, remembered
from grocker.plan.layers import LARGE
from tests.plan.test_layers import DOCUMENTS, LOCK, planned, wheel, with_python


def test_explain_says_kept_when_a_result_is() -> None:
    layers = planned()
    explained = explain(layers, {layer.key for layer in layers}, remembered(layers))
    assert {(e.will_run, e.why) for e in explained} == {(False, "kept")}


def test_explain_says_never_built_when_nothing_is_known() -> None:
    assert {e.why for e in explain(planned(), set(), None)} == {"never built here"}


def test_explain_names_versions_when_an_input_moved() -> None:
    before = planned()
    after = planned(with_python(wheel("flask"), wheel("django", "2"), wheel("numpy", size=LARGE)))
    explained = {e.name: e for e in explain(after, {layer.key for layer in before}, remembered(before))}
    assert explained["wheels"].why == "django 1 → 2; flask 1 is new"
    assert not explained["wheel numpy"].will_run


def test_explain_says_content_when_the_names_are_the_same() -> None:
    before = planned()
    after = planned(documents=replace(DOCUMENTS, image_json=b"{1}"))
    explained = explain(after, {layer.key for layer in before}, remembered(before))
    assert explained[-1].why == "the content of its inputs changed"


def test_explain_says_so_when_a_result_was_lost() -> None:
    layers = planned(LOCK)
    assert {e.why for e in explain(layers, set(), remembered(layers))} == {"its result is no longer in the store"}
