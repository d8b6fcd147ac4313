package main

import (
	"testing"
	"time"
)

func TestADurationIsKnownToASixtyFourth(t *testing.T) {
	for micros := uint64(0); micros < 1<<30; micros = micros*9/8 + 1 {
		if got := least(bucket(micros)); got > micros || micros-got > micros/64 {
			t.Fatalf("%d for %d", got, micros)
		}
	}
	var h histogram
	for millis := 1; millis <= 1000; millis++ {
		h.add(time.Duration(millis) * time.Millisecond)
	}
	for part, want := range map[float64]float64{0.5: 500, 0.99: 990} {
		if got := h.at(part); got > want || got < want*63/64 {
			t.Fatalf("%f for %f", got, want)
		}
	}
}
