"""An answer as a tree with paths."""

from typing import Any

from rhesis_app.web.json_tree import MAX_CHILDREN, MAX_DEPTH, TreeNode, json_tree


def paths(node: TreeNode) -> list[str]:
    if not node.children:
        return [node.path]
    return [path for child in node.children for path in paths(child)]


def test_every_leaf_carries_its_path() -> None:
    answer = {"reply": {"text": "hi"}, "list": [{"a": 1}, 2], "odd key": None, "it's": True, "empty": {}}
    assert paths(json_tree(answer)) == [
        "$.reply.text",
        "$.list[0].a",
        "$.list[1]",
        "$['odd key']",
        "$['it\\'s']",
        "$.empty",
    ]


def test_texts_are_json_and_bounded() -> None:
    assert json_tree("ä").text == '"ä"'
    assert json_tree(None).text == "null"
    long = json_tree("x" * 5_000).text
    assert long is not None
    assert len(long) < 500
    assert long.endswith("…")


def test_long_lists_say_what_is_not_shown() -> None:
    tree = json_tree(list(range(MAX_CHILDREN + 5)))
    assert len(tree.children) == MAX_CHILDREN
    assert tree.note == "105 items, the first 100 shown"


def test_depth_is_bounded() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    node, depth = json_tree(deep), 0
    while node.children:
        node, depth = node.children[0], depth + 1
    assert depth == MAX_DEPTH
    assert node.note == "too deep to show"
