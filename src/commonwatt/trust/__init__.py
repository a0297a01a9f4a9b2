"""Trust: scores of members from settled facts."""

from commonwatt.trust.base import TRUSTS, Trust, TrustContext

__all__ = ["TRUSTS", "Trust", "TrustContext"]
