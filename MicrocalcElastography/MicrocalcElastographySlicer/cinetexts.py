"""What was found about the frames of a cine as the panel shows it: a strip below the slider, and a sentence."""

from slicer.i18n import tr as _

_CELLS = 48
_FRAME, _STEADY, _CHOSEN = "·", "▬", "◆"


def cineText(summary):
    """A strip with a mark for every frame (or few frames) and the numbers of the steadiest stretch."""
    cells = min(summary.frames, _CELLS)

    def cellOf(frame):
        return min(frame * cells // summary.frames, cells - 1)

    strip = [_FRAME] * cells
    for frame in range(summary.stretch[0], summary.stretch[-1] + 1):
        strip[cellOf(frame)] = _STEADY
    strip[cellOf(summary.chosen)] = _CHOSEN
    text = _("Steadiest: frames {first} to {last}").format(first=summary.stretch[0], last=summary.stretch[-1])
    if summary.spread is not None:
        text += _(", mean {mean:.4g} {unit}").format(mean=summary.spread.mean, unit=summary.unit)
    if summary.temporal_sd is not None:
        text += _(", SD over time {sd:.3g} {unit}").format(sd=summary.temporal_sd, unit=summary.unit)
    return f"{''.join(strip)}\n{text}" + _("; measure frame {frame}.").format(frame=summary.chosen)
