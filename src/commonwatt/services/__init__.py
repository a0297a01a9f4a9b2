"""What the platform does: orchestration of the rooms over Protocols; touches the outside only through `ports`."""
