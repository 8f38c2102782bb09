"""External depth networks: their weights come from elsewhere, under licences of their own."""

from leadline.models.zoo.cards import ZOO, PaperScore, ZooCard, zoo_card
from leadline.models.zoo.estimate import DiffusionOptions
from leadline.models.zoo.loading import ZooDepth, load_zoo

__all__ = ["ZOO", "DiffusionOptions", "PaperScore", "ZooCard", "ZooDepth", "load_zoo", "zoo_card"]
