"""The code location: what workspace.yaml loads."""

from pipelines.build import build_definitions
from rebalancer.errors import BadConfig
from resources.settings_file import find_settings_file, load_settings

if not __debug__:
    raise BadConfig("python -O and PYTHONOPTIMIZE remove the checks that guard money; unset them")

defs = build_definitions(load_settings(), config_file=find_settings_file())
