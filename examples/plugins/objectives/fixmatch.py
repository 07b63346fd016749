"""FixMatch: confident answers to a weak view are the labels of a strong (Sohn 2020, arXiv:2001.07685).

Their section 2.2: the loss on labelled rows, and the cross-entropy of the strong view against the class that the weak
view is sure of, over all unlabelled rows of the step (eq. 4).
"""

from dataclasses import dataclass

from torch.nn import functional

from headstart.core.types import Loss, Objective, Stream


@dataclass(frozen=True)
class Fixmatch(Objective):
    """Minimise the loss on labelled rows, and `weight` times that on unlabelled rows whose label is guessed.

    threshold: of the probability from which a guess counts. ratio: unlabelled rows for each labelled one.
    """

    threshold: float = 0.95
    weight: float = 1.0
    ratio: float = 7.0

    @property
    def streams(self):
        """Labelled rows, weakly varied; unlabelled ones in two views."""
        unlabelled = Stream("unlabelled", labelled=False, views={"weak": "weak", "strong": "strong"}, size=self.ratio)
        return (Stream("train", views={"x": "weak"}), unlabelled)

    def losses(self, model, extra, batches, progress):
        """Compute both losses."""
        labelled, unlabelled = batches["train"], batches["unlabelled"]
        head = model.head
        guess = head(model.features(unlabelled.views["weak"])).detach().float().softmax(dim=1)
        sure, label = guess.max(dim=1)
        out = head(model.features(unlabelled.views["strong"])).float()
        each = functional.cross_entropy(out, label, reduction="none") * (sure >= self.threshold)
        task = head.loss(head(model.features(labelled.x)), labelled.y, self.loss_options)
        return {"task": Loss(task, "target"), "guessed": Loss(self.weight * each.mean(), "target")}
