package report

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
)

// dump is a row of bytes, eight of them, or a line about such rows.
type dump struct {
	Head string // begins a record
	At   string
	Hex  string
	Text string
	Same string // rows that were left out, since they are as the one before
}

const rowBytes = 8

// rowsOf are the bytes of a file for people to look at, nil if there are none.
func rowsOf(f *inspect.File) (list []dump) {
	if f.Data != nil {
		return appendRows(nil, f.Data)
	}
	for i, r := range f.Content {
		list = append(list, dump{Head: fmt.Sprintf("record %d", len(f.Content)-1-i)})
		list = appendRows(list, r)
	}
	return list
}

func appendRows(list []dump, data []byte) []dump {
	for at := 0; at < len(data); at += rowBytes {
		line := data[at:min(at+rowBytes, len(data))]
		list = append(list, dump{At: fmt.Sprintf("%04X", at), Hex: fmt.Sprintf("% X", line), Text: printable(line)})
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
