"""What the office expects of its bills and orders."""

import pytest

from cargo import split_cost, to_order


def test_a_bill_is_shared_to_the_cent():
    assert split_cost(100, {"ida": 1, "ole": 1}) == {"ida": 50, "ole": 50}
    assert split_cost(100, {"ida": 1, "ole": 1, "per": 1}) == {"ida": 34, "ole": 33, "per": 33}
    assert split_cost(101, {"b": 1, "a": 1}) == {"b": 50, "a": 51}
    assert split_cost(10, {"ida": 3, "ole": 1}) == {"ida": 8, "ole": 2}
    assert split_cost(0, {"ida": 2}) == {"ida": 0}
    assert split_cost(7, {"ida": 0, "ole": 5}) == {"ida": 0, "ole": 7}
    assert split_cost(7, {"ida": 3, "ole": 5}) == {"ida": 3, "ole": 4}
    assert split_cost(99, {"ida": 1, "ole": 1, "per": 0}) == {"ida": 50, "ole": 49, "per": 0}


def test_a_bill_needs_somebody_to_pay_it():
    with pytest.raises(ValueError):
        split_cost(100, {})


def test_orders_come_in_whole_packs():
    stock = {"rope": 3, "paint": 0, "tar": 9}
    assert to_order(stock, {"rope": 5}) == {"rope": 2}
    assert to_order(stock, {"rope": 5}, pack_size=6) == {"rope": 6}
    assert to_order(stock, {"rope": 3, "tar": 2}) == {}
    assert to_order(stock, {"paint": 12, "lamp": 13}, pack_size=12) == {"lamp": 24, "paint": 12}
    assert to_order({}, {"nail": 1}, pack_size=100) == {"nail": 100}
    assert to_order(stock, {}) == {}
