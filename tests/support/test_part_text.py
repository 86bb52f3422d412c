"""Parts as text: what is read, and what is refused; nothing is executed."""

from __future__ import annotations

import json

import pytest

from repro.decoders.dark import Dark
from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet
from repro.models.networks import HeatmapNetwork
from repro.recipe import Decoder, Network
from repro.support import serial
from repro.support.part_text import parse_part


@pytest.mark.parametrize("text", ["Dark(kernel=9)", " Dark ( kernel = 9 ) ", '{"type": "Dark", "kernel": 9}'])
def test_a_part_is_read_in_either_form(text):
    assert serial.from_plain(Decoder, parse_part(text, "decoder"), "decoder") == Dark(kernel=9)


def test_a_part_may_hold_others():
    plain = parse_part("HeatmapNetwork(backbone=HRNet(width=48, modules=(1, 4, 3), fuse_width=None))", "network")
    assert plain["backbone"] == {"type": "HRNet", "width": 48, "modules": [1, 4, 3], "fuse_width": None}
    assert serial.from_plain(Network, plain, "network") == HeatmapNetwork(backbone=HRNet(width=48))


def test_values_are_numbers_words_and_switches():
    plain = parse_part('my.package:Part(a=-0.5, b="l1", c=True, d=false, e=[])', "loss")
    assert plain == {"type": "my.package:Part", "a": -0.5, "b": "l1", "c": True, "d": False, "e": []}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Dark(9)", "a value without a name"),
        ("Dark(kernel=9", "cannot be read"),
        ("Dark(kernel=)", "cannot be read"),
        ("Dark(kernel=open('x'))", "a value without a name"),
        ("Dark(kernel=__import__('os').system('true'))", "cannot be read"),
        ("Dark(kernel=1 + 2)", "of which '1 \\+ 2' cannot be read"),
        ("Dark(**{})", "a value without a name"),
        ("Dark(kernel=1, kernel=2)", "cannot be read|twice"),
        ("Dark()(x=1)", "is no name with values"),
        ("", "cannot be read"),
        ("two words", "cannot be read"),
        ("{]", "is no JSON"),
        (json.dumps({"kernel": 9}), "names no type"),
    ],
)
def test_what_cannot_be_read_is_said(text, says):
    with pytest.raises(ReproError, match=says):
        serial.from_plain(Decoder, parse_part(text, "decoder"), "decoder")


def test_unknown_names_are_answered_with_those_there_are():
    with pytest.raises(ReproError, match="Unknown type of decoder 'Drak': choose one of Argmax"):
        serial.from_plain(Decoder, parse_part("Drak", "decoder"), "decoder")
    with pytest.raises(ReproError, match="Unknown field of decoder \\(Dark\\) 'size': choose one of kernel"):
        serial.from_plain(Decoder, parse_part("Dark(size=3)", "decoder"), "decoder")
