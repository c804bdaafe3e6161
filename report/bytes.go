package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/inspect"
)

// dump is a row of bytes, eight of them, or a line about such rows.
type dump struct {
	At   string
	Hex  string
	Text string
	Same string // rows that were left out, since they are as the one before
	from int    // byte
}

const rowBytes = 8

// rowsOf are bytes for people to look at.
func rowsOf(data []byte) (list []dump) {
	for at := 0; at < len(data); at += rowBytes {
		line := data[at:min(at+rowBytes, len(data))]
		list = append(list, dump{At: fmt.Sprintf("%04X", at), Hex: fmt.Sprintf("% X", line), Text: printable(line), from: at})
		same := 0
		for next := at + rowBytes; next+rowBytes <= len(data) && bytes.Equal(data[next:next+rowBytes], line); next += rowBytes {
			same += rowBytes
		}
		if same >= 3*rowBytes {
			list = append(list, dump{Same: fmt.Sprintf("%s more of the same", counted(same, "byte"))})
			at += same
		}
	}
	return list
}

// record is a row of a table of records.
type record struct {
	No   int    // as ReadRecords counts: 0 is the newest
	Hex  string // without the padding
	Pad  string // what the padding is, in words
	Text string // empty if it is none
}

// recordsOf are the records of a file, the newest first.
func recordsOf(f *inspect.File) (list []record) {
	for no := range f.Content {
		b := f.Content[len(f.Content)-1-no]
		r := record{No: no}
		if lines := appendText(nil, b); lines != nil {
			r.Text = lines[0]
		}
		n := len(b)
		for n > 0 && b[n-1] == b[len(b)-1] && (b[n-1] == 0 || b[n-1] == 0xFF) {
			n--
		}
		if pad := len(b) - n; pad < shortestPad {
			n = len(b)
		} else {
			r.Pad = fmt.Sprintf("%s of %02X", counted(pad, "byte"), b[len(b)-1])
		}
		r.Hex = strings.TrimSpace(fmt.Sprintf("% X", []byte(b[:n])))
		list = append(list, r)
	}
	return list
}

// shortestPad is how many equal bytes at the end of a record are told in words.
const shortestPad = 8

// printable is bytes as ASCII, dots for others.
func printable(b []byte) string {
	out := bytes.Clone(b)
	for i, c := range out {
		if c < 0x20 || c > 0x7E {
			out[i] = '.'
		}
	}
	return string(out)
}
