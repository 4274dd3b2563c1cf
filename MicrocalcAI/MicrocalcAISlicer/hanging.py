"""The views of a mammogram as radiologists hang them: chest walls back to back, right breast at left, priors beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import slicer
from slicer.i18n import tr as _

from MicrocalcSlicerShared import layouts

from . import inputvolume
from .mammogramloading import loadedAs, sideAndView
from .views import backgroundVolume

LAYOUT_ID, PRIOR_LAYOUT_ID = 41410, 41418  # any numbers that no other layout has
_AXIAL = np.diag([-1.0, 1.0, 1.0, 1.0])  # slice to RAS: the patient's left is at the viewer's right


class Place(NamedTuple):
    """One view of the layout: its name, the breast's side, and the views that may hang there, the best first."""

    name: str
    laterality: str
    views: tuple[str, ...]
    isPrior: bool = False

    @property
    def label(self) -> str:
        return f"{self.laterality} {self.views[0]}{' ' + _('prior') if self.isPrior else ''}"


_CRANIOCAUDAL, _OBLIQUE = ("CC", "XCCL", "XCCM", "XCC"), ("MLO", "ML", "LM", "LMO")
PLACES = (
    Place("MicrocalcRCC", "R", _CRANIOCAUDAL),
    Place("MicrocalcLCC", "L", _CRANIOCAUDAL),
    Place("MicrocalcRMLO", "R", _OBLIQUE),
    Place("MicrocalcLMLO", "L", _OBLIQUE),
)
PRIOR_PLACES = tuple(place._replace(name=f"{place.name}Prior", isPrior=True) for place in PLACES)
# Each prior at the outer side of its image: chest walls of now stay back to back.
_ROWS = {
    LAYOUT_ID: (PLACES[:2], PLACES[2:]),
    PRIOR_LAYOUT_ID: tuple((PRIOR_PLACES[i], PLACES[i], PLACES[i + 1], PRIOR_PLACES[i + 1]) for i in (0, 2)),
}


def showFourViews(volumeNodes: Sequence | None = None) -> list[str]:
    """Show R CC, L CC, R MLO and L MLO in a layout of four, chest walls back to back, all at the same scale.

    Parameters
    ----------
    volumeNodes : sequence of vtkMRMLScalarVolumeNode, optional
        Images to choose from; all mammograms of the scene otherwise. Of several that fit, full views, images For
        Presentation and the newest year come first.

    Returns
    -------
    list of str
        What the user should know, in sentences: missing views, choices made, or why nothing was done.
    """
    chosen, notes = chooseFourViews(inputvolume.mammogramNodes() if volumeNodes is None else volumeNodes)
    if not chosen:
        return [_("No image says which breast and which view it shows; load the mammograms as DICOM files.")]
    layoutManager = slicer.app.layoutManager()
    if layoutManager is None:
        return [_("There is no window to show four views in.")]
    _hangIn(layoutManager, LAYOUT_ID, chosen)
    return notes


def showWithPriors(volumeNodes: Sequence, priorNodes: Sequence) -> list[str]:
    """Show the views of an exam, each with its prior beside it, in a layout of eight; of four without priors.

    Returns
    -------
    list of str
        As :func:`showFourViews`.
    """
    if not priorNodes:
        return showFourViews(volumeNodes)
    layoutManager = slicer.app.layoutManager()
    if layoutManager is None:
        return [_("There is no window to show eight views in.")]
    chosen, notes = chooseFourViews(volumeNodes)
    earlier, missing = chooseFourViews(priorNodes)
    chosen |= {f"{name}Prior": volumeNode for name, volumeNode in earlier.items()}
    _hangIn(layoutManager, PRIOR_LAYOUT_ID, chosen)
    return notes + [_("Prior: {note}").format(note=note) for note in missing]


def _hangIn(layoutManager, layout: int, chosen: Mapping[str, object]) -> None:
    registerLayout()
    layoutManager.setLayout(layout)
    slicer.app.processEvents()  # the new views get their sizes
    hang(chosen, {place.name: layoutManager.sliceWidget(place.name).sliceLogic() for place in _placesOf(layout)})


def registerLayout() -> None:
    """Tell Slicer what the layouts of four and of eight views look like; a scene saved in one opens in it then."""
    for layout in _ROWS:
        layouts.describe(layout, layoutDescription(layout))


def hangInItsPlace(volumeNode) -> bool:
    """Put an image where its side and view hang, in the layout of four or eight; return whether that was done."""
    layoutManager = slicer.app.layoutManager()
    layout = None if layoutManager is None else layoutManager.layoutLogic().GetLayoutNode().GetViewArrangement()
    place = next((place for place in PLACES if _fits(volumeNode, place)), None)
    if layout not in _ROWS or place is None:
        return False
    logics = {each.name: layoutManager.sliceWidget(each.name).sliceLogic() for each in _placesOf(layout)}
    shown = {name: backgroundVolume(logic.GetSliceCompositeNode()) for name, logic in logics.items()}
    hang({name: node for name, node in shown.items() if node is not None} | {place.name: volumeNode}, logics)
    return True


def chooseFourViews(volumeNodes: Sequence) -> tuple[dict[str, object], list[str]]:
    """For each place of the layout, by name, the volume to hang there; and notes about what is missing or repeated."""
    chosen, missing, notes = {}, [], []
    for place in PLACES:
        fitting = [node for node in volumeNodes if _fits(node, place)]
        if not fitting:
            missing.append(place.label)
            continue
        chosen[place.name] = min(fitting, key=lambda node, place=place: _rank(node, place))
        others = ", ".join(node.GetName() for node in fitting if node is not chosen[place.name])
        if others:
            note = _("{name} is shown; select {others} to see it in that place.")
            notes.append(note.format(name=chosen[place.name].GetName(), others=others))
    if missing:
        notes.insert(0, _("Not loaded: {views}.").format(views=", ".join(missing)))
    return chosen, notes


def hang(chosen: Mapping[str, object], sliceLogics: Mapping[str, object]) -> None:
    """Put volumes into slice views: upright, unlinked, all at one scale, each chest wall at the inner edge of its view.

    Parameters
    ----------
    chosen : mapping
        Place's name to volume node, as :func:`chooseFourViews` gives it; the views of other places become empty.
    sliceLogics : mapping
        Place's name to vtkMRMLSliceLogic, of every place of a layout.
    """
    bounds = {name: _bounds(volumeNode) for name, volumeNode in chosen.items()}
    mmPerPixel = max(
        length / pixels
        for name, bound in bounds.items()
        for length, pixels in zip(np.diff(bound)[:2, 0], _viewSize(sliceLogics[name].GetSliceNode()), strict=True)
    )
    for place in (*PLACES, *PRIOR_PLACES):
        if place.name not in sliceLogics:
            continue
        sliceNode, compositeNode = (
            sliceLogics[place.name].GetSliceNode(),
            sliceLogics[place.name].GetSliceCompositeNode(),
        )
        compositeNode.SetLinkedControl(False)
        volumeNode = chosen.get(place.name)
        compositeNode.SetBackgroundVolumeID(volumeNode.GetID() if volumeNode is not None else None)
        compositeNode.SetForegroundVolumeID(None)
        compositeNode.SetLabelVolumeID(None)
        if volumeNode is None:
            continue
        across, down = (pixels * mmPerPixel for pixels in _viewSize(sliceNode))
        right, front, height = bounds[place.name]
        center = right[0] + across / 2 if place.laterality == "R" else right[1] - across / 2
        sliceToRas = _AXIAL.copy()
        sliceToRas[:3, 3] = center, front.mean(), height.mean()
        sliceNode.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(sliceToRas))
        sliceNode.SetXYZOrigin(0, 0, 0)
        sliceNode.SetFieldOfView(across, down, 1.0)
        sliceNode.UpdateMatrices()


def layoutDescription(layout: int = LAYOUT_ID) -> str:
    """Four or eight slice views in two rows, as Slicer's layout manager reads it."""
    rows = "".join(f"<item>{_rowDescription(row)}</item>" for row in _ROWS[layout])
    return f"<layout type='vertical'>{rows}</layout>"


def _placesOf(layout: int) -> list[Place]:
    return [place for row in _ROWS[layout] for place in row]


def _rowDescription(places: Sequence[Place]) -> str:
    views = "".join(
        f"<item><view class='vtkMRMLSliceNode' singletontag='{place.name}'>"
        "<property name='orientation' action='default'>Axial</property>"
        f"<property name='viewlabel' action='default'>{place.label}</property>"
        "<property name='viewcolor' action='default'>#808080</property></view></item>"
        for place in places
    )
    return f"<layout type='horizontal'>{views}</layout>"


def _fits(volumeNode, place: Place) -> bool:
    laterality, view = sideAndView(volumeNode)
    return laterality == place.laterality and view in place.views


def _rank(volumeNode, place: Place) -> tuple:
    known = loadedAs(volumeNode)
    view = sideAndView(volumeNode)[1]
    year = int(known.studyYear or 0)
    return place.views.index(view), len(known.viewModifiers), known.isForProcessing, -year


def _bounds(volumeNode) -> np.ndarray:
    """Lowest and highest R, A and S of the volume, shape (3, 2), outer edges of the pixels."""
    bounds = [0.0] * 6
    volumeNode.GetRASBounds(bounds)
    return np.reshape(bounds, (3, 2))


def _viewSize(sliceNode) -> tuple[int, int]:
    """Pixels across and down."""
    across, down, _slices = sliceNode.GetDimensions()
    return max(across, 1), max(down, 1)
