"""The vault's bookkeeping told another way: balances, and a list of dated credits instead of packed, rolled words."""

from dataclasses import dataclass, field

BOND = 7


@dataclass
class VaultModel:
    """Balances in nano by account; `credits` are (account, epoch posted, amount) and are never merged."""

    accounts: int
    epoch: int
    balances: dict[int, int] = field(default_factory=dict)
    credits: list[tuple[int, int, int]] = field(default_factory=list)
    held: int = 0

    def free(self, index: int) -> int:
        """Return the balance with every credit that is two epochs old."""
        released = sum(amount for who, posted, amount in self.credits if who == index and posted + 2 <= self.epoch)
        return self.balances.get(index, 0) + released

    def pending(self, index: int, age: int) -> int:
        """Return the credits posted `age` epochs ago."""
        return sum(amount for who, posted, amount in self.credits if who == index and posted + age == self.epoch)

    def account(self, index: int) -> tuple[int, int, int]:
        """Return what `vault.account_of` shows."""
        return self.free(index), self.pending(index, 0), self.pending(index, 1)

    def debt(self) -> int:
        """Return what everybody but the supplier owes now."""
        return sum(max(-self.free(index), 0) for index in range(1, self.accounts))

    def surplus(self) -> int:
        """Return what the supplier has left to front."""
        return self.free(0) - self.debt()

    def deposit(self, index: int, amount: int) -> None:
        """Credit at once."""
        self.balances[index] = self.balances.get(index, 0) + amount
        self.held += amount

    def withdraw(self, index: int, amount: int) -> None:
        """Debit what leaves."""
        self.deposit(index, -amount)

    def move(self, payer: int, payee: int, amount: int) -> None:
        """Move free money at once."""
        self.balances[payer] = self.balances.get(payer, 0) - amount
        self.balances[payee] = self.balances.get(payee, 0) + amount

    def apply(self, nets: dict[int, int], lock: int = 0) -> None:
        """Debit at once, credit later; the bond's lock is its own credit."""
        if lock:
            self.balances[BOND] = self.balances.get(BOND, 0) - lock
            self.credits.append((BOND, self.epoch, lock))
        for index, net in nets.items():
            if net < 0:
                self.balances[index] = self.balances.get(index, 0) + net
            elif net > 0:
                self.credits.append((index, self.epoch, net))

    def undo(self, nets: dict[int, int], posted: int, lock: int = 0) -> None:
        """Take back what was applied in an epoch."""
        if lock:
            self.balances[BOND] += lock
            self.credits.remove((BOND, posted, lock))
        for index, net in nets.items():
            if net < 0:
                self.balances[index] -= net
            elif net > 0:
                self.credits.remove((index, posted, net))
