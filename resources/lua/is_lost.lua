return {'state', is_lost() and 1 or 0}
