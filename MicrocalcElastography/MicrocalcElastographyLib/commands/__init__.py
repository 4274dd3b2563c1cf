"""The commands of the elastography module; each file offers HELP, add_arguments(parser) and run(arguments)."""
