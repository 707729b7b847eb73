"""`python -m services.cli`: the same as `trimtab`."""

from services.cli.main import main

main()
