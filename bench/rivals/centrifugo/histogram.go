package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Counts of durations in microseconds, each known to 1/64 of itself.
type histogram struct{ counts [64 * 64]atomic.Uint64 }

func (h *histogram) add(duration time.Duration) {
	h.counts[bucket(uint64(max(duration.Microseconds(), 0)))].Add(1)
}

func (h *histogram) clear() {
	for n := range h.counts {
		h.counts[n].Store(0)
	}
}

// In milliseconds: what so great a part of the durations did not exceed.
func (h *histogram) at(part float64) float64 {
	all, sum := uint64(0), uint64(0)
	for n := range h.counts {
		all += h.counts[n].Load()
	}
	for n := range h.counts {
		if sum += h.counts[n].Load(); all > 0 && float64(sum) >= part*float64(all) {
			return float64(least(n)) / 1000
		}
	}
	return 0
}

func bucket(micros uint64) int {
	shift := max(bits.Len64(micros)-7, 0)
	return shift*64 + int(micros>>shift)
}

func least(bucket int) uint64 {
	if bucket < 128 {
		return uint64(bucket)
	}
	shift := bucket/64 - 1
	return uint64(bucket-shift*64) << shift
}
