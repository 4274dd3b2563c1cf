"""MicrocalcAI's Slicer side: MRML nodes to files and arrays, and back. All image analysis lives in MicrocalcAILib."""
