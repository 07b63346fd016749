"""What moved and what stayed frozen, and the rows that the model got most wrong."""

from __future__ import annotations

from headstart.drawing.html import Left, Markup, classed, join, table, tag
from headstart.evaluation.report.facts import Facts, Mistake, TargetFacts
from headstart.inputs import PICTURE, TINY, WORDS

MOST_STAGES = 40


def moved(facts: Facts) -> Markup:
    """Show by stage how many parameters differ from the source's, bit by bit."""
    moves = facts.observed["moves"]
    rows = []
    for stage in moves[:MOST_STAGES]:
        share = stage["moved"] / stage["parameters"] if stage["parameters"] else 0.0
        state = (
            "new" if stage.get("new") else "moved" if share == 1 else "frozen" if share == 0 else f"{share:.1%} moved"
        )
        rows.append((stage["name"], f"{stage['parameters']:,}", f"{stage['moved']:,}", _bar(share), Left(state)))
    everything = sum(stage["parameters"] for stage in moves)
    learnt = sum(stage["moved"] for stage in moves)
    still = everything - learnt
    if still:
        before = "after the surgery and before the training" if facts.recipe.surgery else "before the training"
        words = (
            f"{learnt:,} of {everything:,} parameters ({_share(learnt / everything)}) changed. The other {still:,} are "
            f"bit-identical to what they were {before}, by the SHA-256 of each tensor."
        )
    else:
        words = f"All {everything:,} parameters changed, by the SHA-256 of each tensor before and after training."
    parts = [tag("p", words), table(("stage", "parameters", "of them moved", "", Left("state")), rows)]
    if len(moves) > MOST_STAGES:
        parts.append(classed("p", "soft", f"The first {MOST_STAGES} of {len(moves)} stages."))
    return join(parts)


def _share(share: float) -> str:
    return "less than 0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def mistakes(facts: Facts, found: TargetFacts) -> Markup:
    """Show the rows that the model got most wrong, with their pictures or texts."""
    seen = facts.observed
    split, wrong = seen["mistakes_of"], seen["wrong"]
    shown = seen["mistakes"] if isinstance(seen["mistakes"], list) else seen["mistakes"].get(found.name, [])
    if not shown:
        return tag("p", f"No {split} row was decided wrongly." if split else "There were no rows to look at.")
    said = found.target.introduce(wrong if isinstance(wrong, int) else wrong[found.name], len(shown), split)
    texts = any(WORDS in mistake for mistake in shown)
    cards = classed("div", "cards texts" if texts else "cards", *map(_card, shown))
    return join([tag("p", f"{said} Look for wrong labels among them."), cards])


def _card(mistake: Mistake) -> Markup:
    parts = []
    if PICTURE in mistake:
        css = {"class": "tiny"} if mistake.get(TINY) else {}
        parts.append(tag("img", attributes={"src": mistake[PICTURE], "alt": f"row {mistake['id']}", **css}))
    if WORDS in mistake:
        parts.append(tag("blockquote", mistake[WORDS]))
    parts += [
        tag("div", "label ", tag("strong", mistake["label"])),
        tag("div", "predicted ", tag("strong", mistake["prediction"])),
        tag("div", mistake["how"]),
        classed("div", "soft", mistake["id"]),
    ]
    return classed("div", "card", *parts)


def _bar(share: float) -> Markup:
    still = (
        tag("span", attributes={"class": "bar still", "style": f"width:{80 * (1 - share):.1f}px"}) if share < 1 else ""
    )
    bar = tag("span", attributes={"class": "bar", "style": f"width:{80 * share:.1f}px"}) if share else ""
    return tag("td", bar, still)
