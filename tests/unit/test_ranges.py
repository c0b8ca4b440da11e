"""Ranges and units as people type them."""

import pytest

from combust.errors import ConfigError, FileFormatError
from combust.settings.ranges import pressures, quantities, values
from combust.units import to_si


def test_values():
    assert values("0.5:2:4") == [0.5, 1.0, 1.5, 2.0]
    assert values("1") == [1.0]
    assert values("1, 2.5,1e3") == [1.0, 2.5, 1000.0]
    assert values("300:400:2,500") == [300.0, 400.0, 500.0]
    assert values("1:0.6:3") == [1.0, 0.8, 0.6]


def test_a_unit_that_is_unknown_is_told_what_is_known():
    with pytest.raises(ConfigError, match="known: K, .*degC"):
        quantities("300,400 foo", "temperature", "--T")


def test_pressures_are_in_atm_unless_they_say_otherwise():
    assert pressures("1,10") == [101325.0, 1013250.0]
    assert pressures("10bar, 1e5Pa") == [1e6, 1e5]
    assert pressures("1:3:3bar") == pressures("1bar:3bar:3") == [1e5, 2e5, 3e5]
    assert pressures("760 Torr") == pytest.approx([101325.0])
    assert pressures("2MPa") == [2e6]


@pytest.mark.parametrize("text", ["", "a", "1:2", "1:2:3:4", "1:2:2.5", "1:2:1", "1,,2", "1bar", "nan", "1:2:0"])
def test_other_forms_are_refused(text):
    with pytest.raises(ConfigError, match="--phi"):
        values(text, "--phi")


@pytest.mark.parametrize("text", ["1furlong", "0", "-1bar", "1bar:2atm:3", "2mPa"])
def test_other_pressures_are_refused(text):
    with pytest.raises(ConfigError, match="--p"):
        pressures(text)


def test_units():
    assert to_si("1064 kelvin", "temperature") == 1064.0
    assert to_si("20 degC", "temperature") == pytest.approx(293.15)
    assert to_si("471.54 us", "time") == to_si(471.54, "time", "US") == pytest.approx(471.54e-6)
    assert to_si("1 Torr", "pressure") == pytest.approx(133.322368)
    assert to_si("0.1 1/ms", "rate") == to_si(0.1, "rate", "ms^-1") == pytest.approx(100.0)
    assert to_si("0.5 percent", "amount") == pytest.approx(0.005)
    for text, kind in [("1064", "temperature"), ("ten K", "temperature"), ("1 parsec", "time"), ("nan s", "time")]:
        with pytest.raises(FileFormatError):
            to_si(text, kind)
