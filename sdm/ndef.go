package sdm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// NDEFFile is an NDEF file that shows the template as its one URI, which a phone
// opens: what to write to the start of the file, and the settings that fit it.
// The keys are as in Settings; size is that of the file.
func (t *Template) NDEFFile(size int, metaRead, fileRead, ctrRet wire.Access) ([]byte, wire.SDM, error) {
	header, rest := t.header()
	file := append(header, t.text[len(t.text)-rest:]...)
	if len(file)-2 > 0xFFFE {
		return nil, wire.SDM{}, errors.New("NDEF: the URI is too long")
	}
	if len(file) > size {
		return nil, wire.SDM{}, fmt.Errorf("NDEF: the URI needs a file of %d bytes, this one has %d", len(file), size)
	}
	// The template's own offsets count from where the whole URI would begin.
	s, err := t.settings(len(file)-len(t.text), metaRead, fileRead, ctrRet)
	return file, s, err
}

// header is what stands in the file before the text, and how much of the text
// follows: its length, the header of the record, and the code of the URI.
func (t *Template) header() (b []byte, rest int) {
	code, rest := t.abbreviated()
	payload := 1 + rest
	record := []byte{ndefHeader, 1}
	if payload < 256 {
		record = append(record, byte(payload))
	} else {
		record[0] &^= ndefShort
		record = append(record, byte(payload>>24), byte(payload>>16), byte(payload>>8), byte(payload))
	}
	record = append(record, 'U', code)
	n := len(record) + rest
	return append([]byte{byte(n >> 8), byte(n)}, record...), rest
}

const longHeader = 10 // bytes before a text of 255 and more

const (
	ndefHeader = 0xD1 // one short record of a well-known type
	ndefShort  = 0x10
)

// abbreviated is the code of the URI's beginning and the length of what follows.
// A beginning that the MAC covers is not abbreviated.
func (t *Template) abbreviated() (code byte, rest int) {
	first := len(t.text)
	for _, p := range t.at {
		first = min(first, p.offset)
	}
	for i, s := range [...]string{"http://www.", "https://www.", "http://", "https://"} { // NFC Forum URI record, table 3
		if strings.HasPrefix(t.text, s) && first >= len(s) {
			return byte(i + 1), len(t.text) - len(s)
		}
	}
	return 0, len(t.text)
}

// RawFile is NDEFFile for a file that holds the text alone, from its first byte
// on, for readers of one's own.
func (t *Template) RawFile(size int, metaRead, fileRead, ctrRet wire.Access) ([]byte, wire.SDM, error) {
	if t.before > 0 {
		return nil, wire.SDM{}, errors.New("SDM: {from:N} counts bytes of an NDEF message, and there is none")
	}
	if len(t.text) > size {
		return nil, wire.SDM{}, fmt.Errorf("the text needs a file of %d bytes, this one has %d", len(t.text), size)
	}
	s, err := t.Settings(0, metaRead, fileRead, ctrRet)
	return []byte(t.text), s, err
}
