"""Hidden module that adds the effect "Microcalcification" to Slicer's Segment Editor."""

from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

from MicrocalcAISlicer.editing import EFFECT_NAME

_EFFECT = Path(__file__).resolve().parent / "SegmentEditorMicrocalcLib" / "SegmentEditorMicrocalcEffect.py"


class SegmentEditorMicrocalc(ScriptedLoadableModule):
    """Registers the effect when Slicer has started."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Segment Editor Microcalcification")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations"]
        parent.contributors = ["Microcalc contributors"]
        parent.hidden = True
        parent.helpText = _("Adds the effect “Microcalcification” to the Segment Editor.")
        parent.acknowledgementText = _("Part of the Microcalc extension.")
        slicer.app.connect("startupCompleted()", registerEffect)


def registerEffect():
    """Add the effect to the Segment Editor."""
    import qSlicerSegmentationsEditorEffectsPythonQt as effects

    scriptedEffect = effects.qSlicerSegmentEditorScriptedEffect(None)
    scriptedEffect.setPythonSource(_EFFECT.as_posix())  # Slicer wants forward slashes
    scriptedEffect.self().register()


class SegmentEditorMicrocalcTest(ScriptedLoadableModuleTest):
    """Self test inside Slicer."""

    def runTest(self):
        self.test_effect_is_offered_by_the_segment_editor()

    def test_effect_is_offered_by_the_segment_editor(self):
        editorWidget = slicer.qMRMLSegmentEditorWidget()
        editorWidget.setMRMLScene(slicer.mrmlScene)
        assert EFFECT_NAME in editorWidget.availableEffectNames()
