-- The clock of Redis, in milliseconds, as text: the number is too long for a reply of Lua's own.
return {whole(now_ms())}
