"""A recipe in words."""

from dataclasses import asdict

from reidbench.authors import AUTHORS
from reidbench.recipes import Recipe
from reidbench.reporting.findings.recipe_text import recipe_text, settings_text
from reidbench.spec import NO_TRUNK


def test_a_recipe_in_words():
    text = recipe_text(asdict(Recipe()))
    assert text.startswith(
        "150 epochs of 64 clips (16 identities x 4), 8 frames of 256x128 pixels, every 4th; Adam 0.00035"
    )
    given = recipe_text(asdict(Recipe(stride=1, rates={"tks": 4.0, "trunk.": 0.1})))
    assert "8 frames of 256x128 pixels, consecutive; Adam 0.00035 (tks x4, trunk x0.1), " in given
    assert "times 0.1 at epochs 40, 80, 120" in text and "trunk from imagenet" in text
    for weights, told in (("", "; started as the model's own code builds it; fp32."), ("file", "a file of weights; ")):
        text = recipe_text(asdict(Recipe(trunk=weights)), NO_TRUNK)
        assert told in text and "trunk" not in text


def test_other_authors_recipes_in_words():
    texts = {
        name: recipe_text(Recipe().but(AUTHORS[name]).identity) for name in ("gltp", "mgh", "stmn", "stmp", "psta")
    }
    for part in (
        "501 epochs of 10 clips (10 identities x 1), 16 frames of 256x128 pixels, consecutive; ",
        "; SGD 0.01 with momentum 0.9, weight decay 0.0005, times 0.1 at epochs 120, 240, 360, 480; ",
        "; cross entropy alone; flip 0, erasing 0; ",
    ):
        assert part in texts["gltp"]
    assert "800 epochs, each identity once in each, of 32 clips" in texts["mgh"]
    assert "20 warm-up epochs, times 0.1 at epochs 200, 400, 600; " in texts["mgh"]
    assert "cross entropy (labels smoothed by 0.1) + 1 x Euclidean triplet (margin 0.3)" in texts["mgh"]
    assert "6 frames of 256x128 pixels, one of each equal part of a tracklet; " in texts["stmn"]
    assert "cross entropy + 1 x Euclidean soft triplet; " in texts["stmn"]
    assert "weight decay 0.0005, constant; " in texts["stmp"] and "(trunk x0.1)" in texts["stmp"]


def test_settings_by_their_names():
    own = {"smoothing": 0.1, "rates": {"tks.": 2.0}, "trunk": "", "milestones": (60, 120), "flip": 0.0, "steps": 9}
    assert settings_text(own) == "smoothing 0.1, rates tks x2, trunk none, milestones 60 and 120, flip 0, steps 9"
