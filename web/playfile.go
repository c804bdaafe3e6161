package web

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire/play"
)

// playFile is a file of the simulated card, as it stands in its memory.
type playFile struct {
	Name, Type string
	Lines      []playText
}

// playText is what stands there: text, or bytes.
type playText struct {
	Text, Hex string
	More      int // bytes that are not shown
}

// Bounds of what is shown of a file.
const (
	mostOfFile    = 96 // bytes of a line
	mostOfRecords = 8
)

func playFiles(files []play.HeldFile) (list []playFile) {
	for _, f := range files {
		x := playFile{Name: fmt.Sprintf("%v/%d", f.Place, f.No), Type: f.Type}
		words := func(format string, args ...any) {
			x.Lines = append(x.Lines, playText{Text: fmt.Sprintf(format, args...)})
		}
		switch {
		case f.Value != nil:
			words("%s, from %s to %s", grouped(f.Value.Value), grouped(f.Value.Lower), grouped(f.Value.Upper))
		case f.TMAC != nil:
			words("counter %s, %X", grouped(f.TMAC.Counter), []byte(f.TMAC.Value))
		case len(f.Records) > 0:
			for i := range min(len(f.Records), mostOfRecords) {
				x.Lines = append(x.Lines, textOf(f.Records[len(f.Records)-1-i]))
			}
			if n := len(f.Records) - mostOfRecords; n > 0 {
				words("and %d records before", n)
			}
		case len(f.Data) > 0:
			x.Lines = append(x.Lines, textOf(f.Data))
		default:
			words("zeros, or nothing")
		}
		list = append(list, x)
	}
	return list
}

// textOf is bytes as text if most of them are some, with a dot for what is none, else
// in hexadecimal.
func textOf(b []byte) (t playText) {
	if len(b) > mostOfFile {
		b, t.More = b[:mostOfFile], len(b)-mostOfFile
	}
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	var text strings.Builder
	odd := 0
	for i := 0; i < end; {
		r, size := utf8.DecodeRune(b[i:end])
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '·'
			odd++
		}
		text.WriteRune(r)
		i += size
	}
	if end > 0 && 4*odd <= end {
		t.Text = text.String()
		return t
	}
	t.Hex = fmt.Sprintf("% X", b)
	return t
}
