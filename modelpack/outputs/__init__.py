"""Reports -> text: for people, for other programs, and for what shows them beside the code. One file a format, each `render`."""
