package wire_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// Answers of GetFileSettings whose option has bits that nothing stands for.
func TestFileSettingsOptionBits(t *testing.T) {
	for answer, want := range map[string]struct {
		comm wire.CommMode
		sets int // -1: none at all
	}{
		"00ff3123e00100":                     {wire.CommFull, -1}, // recorded from an EV1 card (testdata/dumps/hsl-ev1-4k.json)
		"008000e0e00100":                     {wire.CommPlain, -1},
		"008000e0e0010000":                   {wire.CommPlain, 0},
		"008100e0e00100011f2f":               {wire.CommMAC, 1},
		"020300e2fbffffff640000000000000001": {wire.CommFull, -1},
	} {
		b, err := hex.DecodeString(answer)
		if err != nil {
			t.Fatal(err)
		}
		m := &wire.FileSettings{Additional: make([]wire.AccessRights, 3), SDM: new(wire.SDM)} // used before
		var c wire.Coder
		if err := c.Decode(b, nil, m); err != nil {
			t.Errorf("%s: %v", answer, err)
			continue
		}
		if m.Comm() != want.comm || (m.Additional == nil) != (want.sets < 0) || len(m.Additional) != max(want.sets, 0) || m.SDM != nil {
			t.Errorf("%s: %+v", answer, m)
		}
		if e, err := c.Encode(nil, m); err != nil || !bytes.Equal(e.Bytes, b) {
			t.Errorf("%s: encoded %X, %v", answer, e.Bytes, err)
		}
	}
}
