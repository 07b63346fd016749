"""What a run knows of features that were computed before, in it or in another run."""

from __future__ import annotations

from headstart.core.recipe import Recipe
from headstart.core.types import Event, Listener
from headstart.engine.distributed import World
from headstart.features.cache import GB, Cache
from headstart.features.frozen import KnownFeatures

ALONE = World()


def known_features(recipe: Recipe, listen: Listener, world: World = ALONE) -> KnownFeatures:
    """Make what keeps features, on disk as far as the recipe allows.

    Args:
        recipe: Says how much may be on disk.
        listen: Is told where the disk cannot be used.
        world: This process among those of the run; one of them writes.

    Returns:
        It; it holds nothing yet.
    """
    cache = Cache(int(recipe.cache_gb * GB), lambda text: listen(Event("note", text)))
    return KnownFeatures(cache, writes=world.is_writer)
