-- ARGV: window id.
drop_windows_over()
return {'removed', redis.call('HDEL', WINDOWS, ARGV[1])}
