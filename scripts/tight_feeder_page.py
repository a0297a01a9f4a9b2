"""The page of the tight month."""
def page(rows, keys):
    return "# A tight feeder\n"
