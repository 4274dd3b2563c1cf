"""What a measurement leaves on disk: value map, picture, record, table."""

from .files import write_assessment, write_map, write_quality, write_readings_files, write_record
from .picture import draw_assessment

__all__ = ["draw_assessment", "write_assessment", "write_map", "write_quality", "write_readings_files", "write_record"]
