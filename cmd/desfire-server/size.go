package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is a number of bytes, as 128M.
type size uint64

var sizes = []struct {
	letter string
	is     uint64
}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}}

// Set implements pflag.Value.
func (s *size) Set(text string) error {
	digits, unit := strings.ToUpper(strings.TrimSpace(text)), uint64(1)
	for _, u := range sizes {
		if rest, ok := strings.CutSuffix(strings.TrimSuffix(digits, "B"), u.letter); ok {
			digits, unit = rest, u.is
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return fmt.Errorf("%.20q: want a size, as 500M or 2G", text)
	}
	*s = size(n * unit)
	return nil
}

func (s *size) String() string { return sizeWords(uint64(*s)) }

// Type implements pflag.Value.
func (s *size) Type() string { return "SIZE" }

// sizeWords is a size for people, in whole units.
func sizeWords(n uint64) string {
	for _, u := range sizes {
		if n >= u.is {
			return fmt.Sprintf("%d%s", n/u.is, u.letter)
		}
	}
	return strconv.FormatUint(n, 10)
}
