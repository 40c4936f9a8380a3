"""The rules of the research profile: they work out a size and know no portfolio limits."""

from decimal import Decimal, localcontext

from workbench.fills import whole_lots
from workbench.model import MONEY_CONTEXT, SizeRule
from workbench.ports import RiskContext, Verdict


class Sizing:
    """The size the strategy asks for, fixed at the signal's close from equity and close; in raw units."""

    def judge(self, context: RiskContext) -> Verdict:
        """Allow with the size, before whole lots."""
        signal, rule = context.signal, context.signal.size.rule
        amount = signal.size.amount or Decimal(0)
        close, factor, equity = signal.reference_price, signal.factor, context.equity
        figures = {"equity": f"{equity:.8f}", "close": str(close), "rule": str(signal.size)}
        with localcontext(MONEY_CONTEXT):
            if rule is SizeRule.SHARES:
                size = amount / factor
            elif equity <= 0:
                return Verdict("sizing", "deny", f"no equity: {equity:.2f}", figures=figures)
            elif rule is SizeRule.ALL:
                size = equity / close
            elif rule is SizeRule.VALUE:
                size = amount / close
            elif rule is SizeRule.PERCENT:
                size = equity * amount / 100 / close
            else:
                distances = [d for d in (signal.protection.stop, signal.protection.trail) if d is not None]
                if not distances:
                    return Verdict("sizing", "deny", "a size by risk needs a stop or a trail", figures=figures)
                size = equity * amount / 100 / (close * min(distances) / 100)
            return Verdict("sizing", "allow", size=size * factor, figures=figures)


class WholeLots:
    """Cuts the size to whole lots of the instrument, in raw units."""

    def judge(self, context: RiskContext) -> Verdict:
        """Cut to whole lots; deny below one."""
        if context.size is None:
            return Verdict("whole_lots", "deny", "no size to cut: put a sizing rule first")
        lots = whole_lots(context.size, Decimal(1), context.instrument)
        figures = {"size": f"{context.size:.8f}", "lot": str(context.instrument.size_step)}
        if lots <= 0:
            return Verdict("whole_lots", "deny", f"{context.size:.8f} is below one lot", figures=figures)
        return Verdict("whole_lots", "cut" if lots < context.size else "allow", size=lots, figures=figures)


class Balance:
    """Denies an entry when the account has no equity; in the trading profile cuts it to the cash that is free."""

    def judge(self, context: RiskContext) -> Verdict:
        """Allow, cut or deny; the cut to what the cash pays for at the fill's price comes there (rows 4 and 5)."""
        if context.equity <= 0:
            return Verdict("balance", "deny", f"no equity: {context.equity:.2f}")
        with localcontext(MONEY_CONTEXT):
            price = context.signal.reference_price / context.signal.factor
            notional = (context.size or Decimal(0)) * price
            free = context.cash - (context.facts.reserved if context.facts else Decimal(0))
            figures = {"notional": f"{notional:.2f}", "cash": f"{context.cash:.2f}"}
            if context.facts is not None and context.size is not None and notional > free:
                figures["reserved"] = f"{context.facts.reserved:.2f}"
                size = whole_lots(max(free, Decimal(0)) / price, Decimal(1), context.instrument)
                if size <= 0:
                    return Verdict("balance", "deny", f"free cash of {free:.2f} pays for no lot", figures=figures)
                if size < context.size:
                    return Verdict("balance", "cut", f"to the free cash of {free:.2f}", size, figures)
        reason = "" if notional <= context.cash else "above the cash at the close; the fill will be cut to it"
        return Verdict("balance", "allow", reason, figures=figures)
