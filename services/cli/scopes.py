"""What a control covers: everything, one venue or one portfolio, as told by options."""

from rebalancer.controls import EVERYTHING, Scope, ScopeKind
from rebalancer.errors import BadConfig
from rebalancer.orders import PortfolioName
from resources.settings import Settings
from services.cli.failures import CommandFailed, Exit


def chosen_scope(venue: str | None, portfolio: str | None) -> Scope:
    """The scope that the options name.

    Raises:
        CommandFailed: they name two.
    """
    if venue is not None and portfolio is not None:
        raise CommandFailed(
            f"--venue {venue} --portfolio {portfolio}: expected one of the two; a portfolio "
            "trades on one venue only, so --portfolio alone is the narrower",
            Exit.BAD_INPUT,
        )
    if venue is not None:
        return Scope(ScopeKind.VENUE, venue) if venue else _refuse_empty("--venue")
    if portfolio is not None:
        return Scope(ScopeKind.PORTFOLIO, portfolio) if portfolio else _refuse_empty("--portfolio")
    return EVERYTHING


def require_known(scope: Scope, settings: Settings) -> None:
    """Refuse a name that the settings do not have: a typing error must not look like a halt.

    Raises:
        BadConfig: naming those there are.
    """
    known = {
        ScopeKind.EVERYTHING: [""],
        ScopeKind.VENUE: sorted(settings.venues),
        ScopeKind.PORTFOLIO: sorted(settings.portfolios),
    }[scope.kind]
    if scope.name not in known:
        raise BadConfig(
            f"no {scope.kind} {scope.name!r} in the settings; expected one of: {', '.join(known)}"
        )


def portfolios_of(scope: Scope, settings: Settings) -> tuple[PortfolioName, ...]:
    """The portfolios whose orders the scope covers, by name."""
    names = []
    for name, portfolio in sorted(settings.portfolios.items()):
        owner = {ScopeKind.VENUE: portfolio.venue, ScopeKind.PORTFOLIO: name}.get(scope.kind, "")
        if scope.name == owner:
            names.append(PortfolioName(name))
    return tuple(names)


def options_of(scope: Scope) -> str:
    """The options that name the scope, with a space before them; nothing for everything."""
    return f" --{scope.kind} {scope.name}" if scope.name else ""


def _refuse_empty(option: str) -> Scope:
    raise CommandFailed(f"{option}: expected a name, was ''", Exit.BAD_INPUT)
