package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// profile is what a generation is made of.
type profile struct {
	hardware, software [7]byte // GetVersion; the storage byte is filled in
	storage            int     // nominal size when none is asked for
	sizes              map[int]memorySize
	maxApps            int // 0: as many as the memory holds
	maxFiles           int // per application
}

// memorySize is one size that a generation was made with.
type memorySize struct {
	code byte // storage byte of GetVersion
	free int  // what GetFreeMemory answers on an empty card
}

// madeWith says what sizes of memory cards of a generation have.
func (p profile) madeWith(g wire.Generation) string {
	product := fmt.Sprintf("DESFire %v", g)
	if g == wire.NTAG424 {
		product = "NTAG 424 DNA"
	}
	var sizes []string
	for _, n := range slices.Sorted(maps.Keys(p.sizes)) {
		size := fmt.Sprintf("%d bytes", n)
		if n%1024 == 0 {
			size = fmt.Sprintf("%dk", n/1024)
		}
		sizes = append(sizes, size)
	}
	list := sizes[len(sizes)-1]
	if few := sizes[:len(sizes)-1]; len(few) > 0 {
		list = strings.Join(few, ", ") + " or " + list
	}
	return product + " was made with " + list
}

// Sizes are the sizes of memory that cards of a generation were made with, in
// bytes, the smallest first.
func Sizes(g wire.Generation) []int { return slices.Sorted(maps.Keys(profiles[g].sizes)) }

// Version bytes: recorded from cards (testdata/dumps/version_bytes.json), the
// limits: command reference 3.11, the free memory of empty cards: AN12752
// table 4. The D40's is not published: its nominal size.
var profiles = map[wire.Generation]profile{
	wire.D40: {
		hardware: [7]byte{4, 1, 1, 0x00, 0x02, 0, 5},
		software: [7]byte{4, 1, 1, 0x00, 0x06, 0, 5},
		storage:  4096,
		sizes:    map[int]memorySize{4096: {0x18, 4096}},
		maxApps:  28, maxFiles: 16,
	},
	wire.EV1: {
		hardware: [7]byte{4, 1, 1, 0x01, 0x00, 0, 5},
		software: [7]byte{4, 1, 1, 0x01, 0x04, 0, 5},
		storage:  8192,
		sizes:    map[int]memorySize{2048: {0x16, 2304}, 4096: {0x18, 4864}, 8192: {0x1A, 7936}},
		maxApps:  28, maxFiles: 32,
	},
	wire.EV2: {
		hardware: [7]byte{4, 1, 1, 0x12, 0x00, 0, 5},
		software: [7]byte{4, 1, 1, 0x02, 0x01, 0, 5},
		storage:  8192,
		sizes: map[int]memorySize{
			2048: {0x16, 2560}, 4096: {0x18, 5120}, 8192: {0x1A, 8192}, 16384: {0x1C, 16384}, 32768: {0x1E, 32768},
		},
		maxFiles: 32,
	},
	wire.EV3: {
		hardware: [7]byte{4, 1, 1, 0x33, 0x00, 0, 5},
		software: [7]byte{4, 1, 1, 0x03, 0x00, 0, 5},
		storage:  8192,
		sizes:    map[int]memorySize{2048: {0x16, 2560}, 4096: {0x18, 5120}, 8192: {0x1A, 8192}, 16384: {0x1C, 16384}},
		maxFiles: 32,
	},
	wire.Light: {
		hardware: [7]byte{4, 8, 1, 0x30, 0x00, 0, 5},
		software: [7]byte{4, 8, 1, 0x00, 0x02, 0, 5},
		storage:  640,
		sizes:    map[int]memorySize{640: {0x13, 640}},
		maxFiles: 32,
	},
	wire.NTAG424: {
		hardware: [7]byte{4, 4, 2, 0x30, 0x00, 0, 5},
		software: [7]byte{4, 4, 2, 0x01, 0x02, 0, 5},
		storage:  416,
		sizes:    map[int]memorySize{416: {0x11, 416}},
		maxFiles: 32,
	},
}
