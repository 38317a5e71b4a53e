module nightjar/bench

go 1.24
