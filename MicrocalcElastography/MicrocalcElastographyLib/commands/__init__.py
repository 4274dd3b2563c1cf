"""The commands of the elastography module; each file offers add_arguments(parser) and run(arguments)."""
