"""Filters as images: scaling, colours, frames, and bytes that do not change from run to run."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

from fptdsl.views.filter_picture import FRAMES, Panel, images, picture


def kernel(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def test_three_channels_are_colours_scaled_per_filter() -> None:
    values = kernel(5, 3, 4, 2)
    found = images(values)
    assert found.shape == (5, 4, 2, 3)
    for image, one in zip(found, values, strict=True):
        expected = (one - one.min()) / (one.max() - one.min())
        np.testing.assert_allclose(image, expected.transpose(1, 2, 0), rtol=1e-12)


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_other_numbers_of_channels_are_drawn_as_their_mean(channels: int) -> None:
    values = kernel(3, channels, 2, 3)
    found = images(values)
    assert (found == found[..., :1]).all()
    mean = values.mean(1)[1]
    np.testing.assert_allclose(found[1, ..., 0], (mean - mean.min()) / np.ptp(mean), rtol=1e-9)


def test_constant_filters_and_values_that_are_not_finite() -> None:
    values = kernel(4, 3, 2, 2)
    values[0] = 0.0
    values[1, 0, 0, 0] = np.nan
    values[2] = np.inf
    values[3, 1, 1, 1] = -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = images(values)
        images(np.concatenate([np.full((1, 1, 2, 2), np.inf), np.full((1, 1, 2, 2), -np.inf)], axis=1))
    assert (found[0] == 0.5).all()
    assert found[1, 0, 0, 0] == 0
    assert found[1].max() == 1
    assert (found[2] == 0).all()
    assert found[3, 1, 1, 1] == 0
    assert np.isfinite(found).all()


def pixels(panels: list[Panel], **options: int) -> np.ndarray:
    image = pytest.importorskip("matplotlib.image", reason="needs matplotlib (the optional extra plots)")
    file = io.BytesIO()
    picture(panels, file, **options)
    file.seek(0)
    return image.imread(file, format="png")


def has(drawn: np.ndarray, colour: str) -> bool:
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return bool((np.abs(drawn[..., :3] - wanted).max(-1) < 0.5 / 255).any())


def test_each_kind_of_new_filter_has_its_frame() -> None:
    panel = Panel("grey", np.ones((5, 1, 3, 3)), ["old", "copy", "pair", "zero", "fresh"])
    drawn = pixels([panel])
    assert all(has(drawn, colour) for colour in FRAMES.values())
    only = pixels([panel._replace(how=["old", "old", "copy", "old", "old"])])
    assert [how for how, colour in FRAMES.items() if has(only, colour)] == ["copy"]
    assert not any(has(pixels([panel._replace(how=None)]), colour) for colour in FRAMES.values())


def test_the_picture_grows_with_rows_and_panels() -> None:
    one = pixels([Panel("a", kernel(8, 3, 3, 3))], columns=8)
    two = pixels([Panel("a", kernel(16, 3, 3, 3))], columns=8)
    both = pixels([Panel("a", kernel(8, 3, 3, 3)), Panel("b", kernel(8, 1, 1, 5))], columns=8)
    assert one.shape[1] == two.shape[1] == both.shape[1]
    assert one.shape[0] < two.shape[0] < both.shape[0]


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_bytes_each_time(form: str) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib (the optional extra plots)")
    drawn = []
    for _ in range(2):
        file = io.BytesIO()
        picture([Panel("a", kernel(4, 3, 3, 3), ["old", "copy", "copy", "fresh"])], file, form)
        drawn.append(file.getvalue())
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) > 1000
