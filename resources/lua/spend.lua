-- ARGV: venue, then the draws of the call on its budgets.
return check_tap(ARGV[1]) or take_tokens(ARGV[1], 2) or {'spent'}
