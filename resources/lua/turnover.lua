-- ARGV: portfolio.
local _, sum = turnover_of(ARGV[1])
return {'turnover', whole(sum)}
