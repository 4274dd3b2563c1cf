"""What the segment-editor effect draws over the slice views, and where the mouse is in them."""

from __future__ import annotations

import dataclasses

import numpy as np

from .viewoverlay import LineOverlay, joined

_UNMARKED, _CHOSEN, _REMOVED, _PATH = (1.0, 0.8, 0.2), (0.3, 1.0, 0.4), (1.0, 0.3, 0.25), (0.3, 0.8, 1.0)
_CLICK_PX = 4.0  # a mouse that moves less between press and release clicks
_SNAP_PX = 4.0
_SNAP_MM = (0.2, 0.6)


@dataclasses.dataclass
class Drag:
    """A mouse button that is held down: where, and what for."""

    viewWidget: object
    path: list[tuple[float, float]]  # (row, column)
    removes: bool


class EffectViews:
    """The lines of the effect over every slice view in which the mouse was."""

    def __init__(self, scriptedEffect):
        self._scriptedEffect = scriptedEffect
        self._overlays: dict[object, dict[str, LineOverlay]] = {}

    @property
    def count(self) -> int:
        """Number of views."""
        return len(self._overlays)

    def join(self, viewWidget) -> None:
        """Draw over this view too from now on."""
        if viewWidget in self._overlays:
            return
        overlays = {
            "unmarked": LineOverlay(_UNMARKED, 1.0),
            "chosen": LineOverlay(_CHOSEN, 2.0),
            "removed": LineOverlay(_REMOVED, 2.0),
            "path": LineOverlay(_PATH, 1.0),
        }
        for overlay in overlays.values():
            self._scriptedEffect.addActor2D(viewWidget, overlay.actor)
        self._overlays[viewWidget] = overlays

    def leave(self) -> None:
        """Remove everything from all views."""
        for viewWidget, overlays in self._overlays.items():
            for overlay in overlays.values():
                self._scriptedEffect.removeActor2D(viewWidget, overlay.actor)
            viewWidget.sliceView().scheduleRender()
        self._overlays = {}

    def show(self, kind: str, pieces: np.ndarray, session, onlyIn=None) -> None:
        """Show line pieces (row, column), shape (pieces, 2, 2), in all views or in one only."""
        world = session.worldOf(pieces.reshape(-1, 2))
        for viewWidget, overlays in self._overlays.items():
            if onlyIn is not None and viewWidget != onlyIn:
                continue
            if not len(pieces) and not overlays[kind].pieceCount:
                continue
            overlays[kind].showPieces(world, viewWidget.mrmlSliceNode())
            viewWidget.sliceView().scheduleRender()

    def showPath(self, drag: Drag, session) -> None:
        """Show what is being drawn."""
        self.show("path", joined(drag.path, closed=True), session, onlyIn=drag.viewWidget)

    def place(self, viewWidget) -> None:
        """Follow a view that was panned or zoomed."""
        for overlay in self._overlays.get(viewWidget, {}).values():
            overlay.place(viewWidget.mrmlSliceNode())


def mmPerViewPixel(viewWidget) -> float:
    """How much of the image one pixel on the screen shows."""
    sliceNode = viewWidget.mrmlSliceNode()
    return sliceNode.GetFieldOfView()[0] / max(sliceNode.GetDimensions()[0], 1)


def snapMm(viewWidget) -> float:
    """How far from the cursor a speck may be: some pixels on the screen, but no other speck's place."""
    return min(max(_SNAP_PX * mmPerViewPixel(viewWidget), _SNAP_MM[0]), _SNAP_MM[1])


def isClick(drag: Drag, spacingMm: tuple[float, float]) -> bool:
    """Whether the mouse hardly moved."""
    movedMm = (np.asarray(drag.path) - drag.path[0]) * spacingMm
    return float(np.hypot(*movedMm.T).max()) <= _CLICK_PX * mmPerViewPixel(drag.viewWidget)
