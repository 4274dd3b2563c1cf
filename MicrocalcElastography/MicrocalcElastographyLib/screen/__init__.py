"""Where things lie on a captured ultrasound screen: panels, elastography box, paired B-mode, depth ruler, opacity."""
