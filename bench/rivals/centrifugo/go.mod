module centrifugo-fan

go 1.24
