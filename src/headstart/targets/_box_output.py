"""What a detector's numbers mean for boxes: the loss, and the boxes that are decided. Imports torch.

The places that learn a box, the range of sizes of each level and the three losses are those of FCOS (Tian et al. 2019,
arXiv:1904.01355, section 3) with centre sampling (Tian et al. 2020, arXiv:2006.09214, section 3.2).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional
from torchvision.ops import batched_nms, generalized_box_iou_loss, sigmoid_focal_loss

from headstart.core.types import Labels, LossOptions
from headstart.metrics._matching import MOST as MOST_BOXES
from headstart.targets._outputs import Output

RADIUS = 1.5  # strides around the middle of a box in which places learn it
LEAST, MOST = (
    4.0,
    8.0,
)  # strides to the furthest side that a level learns; no least for the finest, no most above
BOXES = MOST_BOXES  # that are decided for a picture, at most
CANDIDATES = 400  # of a picture, before the ones that lie over each other are left out
SURE = 0.01  # the least score
SAME = 0.6  # IoU from which on two boxes of a class are one
PLACES = 9  # that learn a box, usually: by them losses are divided


class Told(NamedTuple):
    """What each place is to answer: the box that it learns, [B, L, 4] as shares; its class, [B, L], -1 for none; how
    central it is, [B, L]; whether it counts, [B, L].
    """

    boxes: torch.Tensor
    classes: torch.Tensor
    central: torch.Tensor
    counts: torch.Tensor


class BoxOutput(Output):
    """Boxes with classes: numbers [B, L, 9 + C] of a head's places, labels [B, M, 6]. Focal, GIoU and centre losses.

    The losses are divided by the boxes of a usual picture, so that the mean over a batch is that of its micro-batches.
    """

    usual: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("usual", torch.ones(()))

    def start(self, labels: Labels) -> None:
        """Take the mean number of boxes of a training picture."""
        boxes = sum(int((label[:, 5] == 0).sum()) for label in labels)
        self.usual.fill_(max(1.0, boxes / max(1, len(labels))))

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the sum of the three losses."""
        place, answers = out[..., :4], out[..., 4:].float()
        told = assigned(place, y)
        wanted = functional.one_hot(told.classes.clamp(min=0), answers.shape[2] - 5).to(answers.dtype)
        wanted = wanted * (told.classes >= 0).unsqueeze(2)
        focal = (sigmoid_focal_loss(answers[..., 5:], wanted).sum(dim=2) * told.counts).sum()
        learnt = told.classes >= 0
        boxes, central = _boxes(place[learnt], answers[learnt][:, :4]), told.central[learnt]
        # in strides, so that no box is so small that its area is lost
        scale = place[learnt][:, 2:].repeat(1, 2)
        sides = (generalized_box_iou_loss(boxes / scale, told.boxes[learnt] / scale) * central).sum()
        middle = functional.binary_cross_entropy_with_logits(answers[learnt][:, 4], central, reduction="sum")
        return (focal + 2 * sides + middle) / (len(out) * PLACES * self.usual)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return the boxes of each picture, [B, 100, 6] float32: two corners as shares, the score, the class.

        The score is the geometric mean of the class's probability and of how central the place is. Unused rows have
        the score 0.
        """
        place, answers = out[..., :4].float(), out[..., 4:].float()
        scores = (answers[..., 5:].sigmoid() * answers[..., 4:5].sigmoid()).sqrt().flatten(1)  # [B, L * C]
        boxes, classes = _boxes(place, answers[..., :4]).clamp(0, 1), answers.shape[2] - 5
        found = out.new_zeros((len(out), BOXES, 6), dtype=torch.float32)
        best, order = scores.topk(min(CANDIDATES, scores.shape[1]), dim=1)
        for row in range(len(out)):
            sure = best[row] > SURE
            score, chosen = best[row][sure], order[row][sure]
            corners, kind = boxes[row][chosen // classes], chosen % classes
            kept = batched_nms(corners, score, kind, SAME)[:BOXES]
            found[row, : len(kept)] = torch.cat(
                [corners[kept], score[kept, None], kind[kept, None].to(score.dtype)], dim=1
            )
        return found


def assigned(place: torch.Tensor, y: torch.Tensor) -> Told:
    """Say which box each place learns: the smallest of those in whose middle it is, and whose size is its level's.

    Args:
        place: Centres and strides, [B, L, 4].
        y: Boxes, [B, M, 6]: two corners as shares, the class (-1: no box), 1 where it is a crowd.

    Returns:
        What each place learns. Places in a crowd count only where they learn a box.
    """
    centre, stride = place[:, :, None, :2], place[:, :, None, 2:]  # [B, L, 1, 2]
    low, high = y[:, None, :, :2], y[:, None, :, 2:4]  # [B, 1, M, 2]
    sides = torch.cat([(centre - low) / stride, (high - centre) / stride], dim=3)  # [B, L, M, 4] in strides
    inside = sides.amin(dim=3) > 0
    middle = ((centre - (low + high) / 2) / stride).abs().amax(dim=3) < RADIUS
    furthest, own = sides.amax(dim=3), place[:, :, 2:3]
    fits = (furthest > LEAST) | (own <= own.amin(dim=1, keepdim=True))
    fits &= (furthest <= MOST) | (own >= own.amax(dim=1, keepdim=True))
    there, crowd = (y[:, None, :, 4] >= 0) & (y[:, None, :, 5] == 0), y[:, None, :, 5] > 0
    areas = (high - low).prod(dim=3).expand_as(inside).where(inside & middle & fits & there, torch.inf)
    least, which = areas.min(dim=2)  # [B, L]
    learns = least.isfinite()
    boxes = y[..., :4].gather(1, which.unsqueeze(2).expand(-1, -1, 4))
    own_sides = sides.gather(2, which[..., None, None].expand(-1, -1, 1, 4)).squeeze(2).clamp(min=0)
    pairs = own_sides.unflatten(2, (2, 2))  # left and upper; right and lower
    near, far = pairs.amin(dim=2), pairs.amax(dim=2)
    central = (near / far.clamp(min=1e-6)).prod(dim=2).sqrt().where(learns, 0)
    classes = y[..., 4].gather(1, which).long().where(learns, -1)
    return Told(boxes, classes, central, learns | ~(inside & crowd).any(dim=2))


def _boxes(place: torch.Tensor, distances: torch.Tensor) -> torch.Tensor:
    """Return the corners [..., 4] of boxes, as shares, from places [..., 4] and distances in strides."""
    centre, stride = place[..., :2], place[..., 2:]
    return torch.cat([centre - distances[..., :2] * stride, centre + distances[..., 2:] * stride], dim=-1)
