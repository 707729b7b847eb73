"""`trimtab doctor`: looks at everything Trimtab needs, and says what is wrong and what helps.

Belongs here: the order of looking and the exit code. It changes nothing and migrates nothing.
"""

from collections.abc import Sequence

from rebalancer.errors import RebalancerError
from resources.settings import Settings
from services.cli.doctor_stores import examine_postgresql, examine_redis, examine_rules
from services.cli.doctor_venues import examine_venues
from services.cli.failures import CommandFailed, Exit
from services.cli.findings import Finding, Health, fail_on, findings_json, show_findings, well
from services.cli.running_queue import TapAsFarAsKnown, redis_if_running
from services.cli.terminal import counted, print_json, progress, say
from services.cli.world import chosen_settings, load_with_paper_keys

_GRAVEST = (Exit.BAD_INPUT, Exit.GOAL_MISSED, Exit.UNAVAILABLE)


def examine(*, as_json: bool) -> None:
    """Look at everything and print it. Fails only where something would stop trading."""
    with chosen_settings() as config_file:
        settings = load_with_paper_keys(config_file)
        with progress("looking at servers and venues"):
            findings = (
                well("settings", "sound", f"{config_file}: {_size_of(settings)}"),
                *_examine_servers(settings),
                *_examine_venues(settings),
            )
    failed = [one for one in findings if one.health is Health.FAILED]
    warned = [one for one in findings if one.health is Health.WARNING]
    if as_json:
        print_json({"healthy": not failed, "findings": findings_json(findings)})
    else:
        show_findings(findings)
        say()
        say(_verdict(len(failed), len(warned)))
    if failed:
        told = ", ".join(f"{one.subject} ({one.what})" for one in failed)
        raise CommandFailed(
            f"{counted(len(failed), 'check')} failed: {told}; each line above says what helps",
            _code_of(failed),
        )


def _code_of(failed: Sequence[Finding]) -> Exit:
    """What a person must mend counts for more than what may come back by itself."""
    codes = {one.exit_code for one in failed}
    return min(codes, key=_GRAVEST.index)


def _examine_servers(settings: Settings) -> tuple[Finding, ...]:
    from resources.wiring import server_urls

    try:
        with server_urls(settings) as urls:
            return (
                *examine_postgresql(urls.database_url, is_embedded=settings.database_url is None),
                *examine_redis(urls.redis_url, is_embedded=settings.redis_url is None),
                *examine_rules(settings, urls.database_url),
            )
    except RebalancerError as error:
        return (fail_on("servers", "start", error),)


def _examine_venues(settings: Settings) -> tuple[Finding, ...]:
    with redis_if_running(settings) as opened:
        return examine_venues(settings, TapAsFarAsKnown(opened and opened[0]))


def _size_of(settings: Settings) -> str:
    venues = counted(len(settings.venues), "venue")
    return f"{venues}, {counted(len(settings.portfolios), 'portfolio')}"


def _verdict(failed: int, warned: int) -> str:
    if failed or warned:
        return f"{failed} failed, {counted(warned, 'warning')}."
    return "All is well."
