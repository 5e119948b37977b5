"""Segments as a version of the registry: what answers, how steady it is, and what it changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from matplotlib.figure import Figure

from jobs.training.segments import picture
from jobs.training.segments.segmentation import Refit, Segments
from jobs.training.segments.stability import Stability

STEADY = "stability.npz"


class Held:
    """Segments of a day, and the bootstraps that say how sure they are; no account is in it."""

    name: ClassVar[str]
    Params: ClassVar[type]
    device = "cpu"

    def __init__(self, segments: Segments, stability: Stability, refit: Refit | None) -> None:
        """refit: what a fit that went on from others changed; null: it began anew, or was read."""
        self.segments = segments
        self.stability = stability
        self.refit = refit

    @property
    def figures(self) -> Mapping[str, float]:
        """For the train run."""
        seen = self.stability
        told = {
            "segments": float(seen.count),
            "ari_mean": float(seen.ari.mean()),
            "ari_min": float(seen.ari.min()),
            "silhouette": seen.silhouette,
        }
        if self.refit:
            told |= {"moved_share": self.refit.moved_share, "kept_share": self.refit.kept.mean()}
        return {name: value for name, value in told.items() if not np.isnan(value)}

    @property
    def pictures(self) -> Mapping[str, Figure]:
        """For the train run: the movement of the week before it; empty: it began anew."""
        if self.refit is None or self.refit.movement.empty:
            return {}
        return {"movement": picture.movement_figure(self.refit.movement)}

    def save(self, folder: Path) -> None:
        """Into an existing folder, without pickle."""
        self.segments.save(folder)
        seen = self.stability
        arrays: dict[str, Any] = {"ari": seen.ari, "silhouettes": seen.silhouettes}
        np.savez_compressed(folder / STEADY, count=seen.count, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(folder / STEADY, allow_pickle=False) as kept:
            seen = Stability(int(kept["count"]), kept["ari"], kept["silhouettes"])
        return cls(Segments.load(folder), seen, None)
