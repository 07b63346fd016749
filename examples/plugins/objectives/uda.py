"""UDA: the strong view's answer is to be the weak view's, sharpened (Xie et al. 2020, arXiv:1904.12848).

Their section 2.2 and 2.4: the loss on labelled rows, and the divergence of the strong view's answer from the weak
view's at a low temperature, over the unlabelled rows of which the weak view is sure.
"""

from dataclasses import dataclass

from torch.nn import functional

from headstart.core.types import Loss, Objective, Stream


@dataclass(frozen=True)
class Uda(Objective):
    """Minimise the loss on labelled rows, and `weight` times how far two views of unlabelled rows are apart.

    threshold: of the probability from which an answer counts. temperature: below 1 sharpens it. ratio: unlabelled rows
    for each labelled one.
    """

    threshold: float = 0.8
    temperature: float = 0.4
    weight: float = 1.0
    ratio: float = 3.0

    @property
    def streams(self):
        """Labelled rows as `--augment` says; unlabelled ones in two views."""
        unlabelled = Stream("unlabelled", labelled=False, views={"weak": "weak", "strong": "strong"}, size=self.ratio)
        return (Stream("train"), unlabelled)

    def losses(self, model, extra, batches, progress):
        """Compute both losses."""
        labelled, unlabelled = batches["train"], batches["unlabelled"]
        head = model.head
        weak = head(model.features(unlabelled.views["weak"])).detach().float()
        sure = weak.softmax(dim=1).amax(dim=1) >= self.threshold
        strong = head(model.features(unlabelled.views["strong"])).float().log_softmax(dim=1)
        sharp = (weak / self.temperature).softmax(dim=1)
        each = functional.kl_div(strong, sharp, reduction="none").sum(dim=1) * sure
        task = head.loss(head(model.features(labelled.x)), labelled.y, self.loss_options)
        return {"task": Loss(task, "target"), "apart": Loss(self.weight * each.mean())}
