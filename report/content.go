package report

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Content is what a file holds, beside the bytes, which are in the card.
type Content struct {
	Words string `json:"words"`          // in short
	Text  string `json:"text,omitempty"` // what of it is text
	TMAC  *TMAC  `json:"tmac,omitempty"`

	// LeftOut stands for the content in a redacted report: the same for the same
	// bytes.
	LeftOut string `json:"left_out,omitempty"`
}

// TMAC is the content of a transaction MAC file.
type TMAC struct {
	Counter uint32      `json:"counter"`
	MAC     inspect.Hex `json:"mac"` // of the last transaction
}

// contentOf says what a file holds, nil if it was not read.
func contentOf(f *inspect.File, red *redactor) *Content {
	all := f.Data
	for _, r := range f.Content {
		all = append(all[:len(all):len(all)], r...)
	}
	switch empty := f.RecordCount != nil && *f.RecordCount == 0; {
	case f.Value == nil && f.Data == nil && f.Content == nil && !empty:
		return nil
	case empty && f.Content == nil:
		return &Content{Words: "no record yet"}
	case red != nil && f.Value != nil:
		name := red.content(binary.BigEndian.AppendUint32([]byte("value"), uint32(*f.Value)))
		return &Content{Words: name + ", a value", LeftOut: name}
	case red != nil:
		name := red.content(all)
		return &Content{Words: fmt.Sprintf("%s, %s", name, held(f, len(all))), LeftOut: name}
	case f.Value != nil:
		return &Content{Words: fmt.Sprint(*f.Value)}
	}
	c := &Content{}
	if f.Settings != nil && f.Settings.Type == wire.FileTransactionMAC && len(f.Data) == tmacSize {
		c.TMAC = &TMAC{binary.LittleEndian.Uint32(f.Data), f.Data[4:]}
		c.Words = counted(int(c.TMAC.Counter), "transaction")
		return c
	}
	var lines []string
	if f.Data != nil {
		lines = appendText(lines, f.Data)
	}
	for _, r := range f.Content {
		lines = appendText(lines, r)
	}
	c.Text = strings.Join(lines, "\n")
	switch same, b := uniform(all); {
	case len(f.Content) > 0 && lines != nil:
		c.Words = fmt.Sprintf("%s: %s", counted(len(f.Content), "record"), lines[len(lines)-1])
	case len(f.Content) > 0:
		c.Words = counted(len(f.Content), "record")
	case same && b == 0:
		c.Words = "zeros"
	case same:
		c.Words = fmt.Sprintf("all %02X", b)
	case c.Text != "":
		c.Words = c.Text
	default:
		c.Words = held(f, len(all))
	}
	return c
}

// held is how much was read.
func held(f *inspect.File, n int) string {
	if len(f.Content) > 0 {
		return fmt.Sprintf("%s of %d bytes", counted(len(f.Content), "record"), len(f.Content[0]))
	}
	return counted(n, "byte")
}

// uniform reports whether all bytes are the same one.
func uniform(b []byte) (bool, byte) {
	for _, x := range b {
		if x != b[0] {
			return false, 0
		}
	}
	if len(b) == 0 {
		return false, 0
	}
	return true, b[0]
}

// shortestText is the least that counts as text: fewer printable bytes often
// stand side by side by chance.
const shortestText = 4

// appendText appends what of some bytes is text, if that is most of them.
func appendText(lines []string, b []byte) []string {
	for len(b) > 0 && (b[len(b)-1] == 0 || b[len(b)-1] == 0xFF || b[len(b)-1] == ' ') { // erased, or padded
		b = b[:len(b)-1]
	}
	s := string(b)
	n, odd := 0, 0
	for _, r := range s {
		n++
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			odd++
		}
	}
	if n-odd < shortestText || odd*8 > n {
		return lines
	}
	return append(lines, s)
}
