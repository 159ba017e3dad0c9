-- ARGV: (incarnation), client.
forget(ARGV[2])
return 1
