# Fails and names each pin that has no hash: a package without one could be swapped.
function judge() { if (pin != "" && !hashed) { print pin ": no hash"; bad = 1 } }
/^[A-Za-z0-9]/ { judge(); pin = FILENAME ": " $1; hashed = 0; pins++ }
/--hash=sha256:[0-9a-f]+/ { hashed = 1 }
END { judge(); if (!pins) { print "no pins found"; bad = 1 }; if (!bad) print pins " pins, each with hashes"; exit bad }
