"""A network of your own: a ResNet on each frame, the frames weighed by a learnt score.

python bench.py profile mynet --plugin docs/examples/mynet.py
"""

from reidbench.models.head import batch_norm_neck, identity_classifier, max_pool
from reidbench.models.resnet import ResNet, fold_frames, load_backbone
from torch import nn

from reidbench.registry import model
from reidbench.spec import Output


@model()
def mynet(*, classes=0, depth=50, width=64, blocks=()):
    """ResNet whose frames are weighed by a learnt score before they are summed."""
    return MyNet(ResNet(depth, width=width, blocks=blocks), classes)


class MyNet(nn.Module):
    def __init__(self, trunk, classes):
        super().__init__()
        features = trunk.channels[-1]  # D
        self.trunk = trunk
        self.score = nn.Linear(features, 1, bias=False)
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state):
        load_backbone(self.trunk, state)

    def forward(self, clips):  # [B, T, 3, H, W]
        frames = max_pool(self.trunk(fold_frames(clips))).unflatten(0, clips.shape[:2])  # [B, T, D]
        feature = (self.score(frames).softmax(1) * frames).sum(1)  # [B, D]
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,))
