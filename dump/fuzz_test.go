package dump_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/wire"
)

// seeds are files of every format.
func seeds(t testing.TB) (list [][]byte) {
	paths, err := filepath.Glob("testdata/*.*")
	must(t, err)
	for _, path := range append(paths, collected+"/hsl-ev1-4k.json") {
		b, err := os.ReadFile(path)
		must(t, err)
		list = append(list, b)
	}
	list = append(list, []byte(flipperHead+flipperApp), []byte(dfcText), []byte(farebotText), binaryDFC(t))
	cases, err := filepath.Glob("../testdata/cases/*.[nxd][fm][cl]")
	must(t, err)
	for _, path := range cases {
		b, err := os.ReadFile(path)
		must(t, err)
		list = append(list, b)
	}
	for _, g := range []wire.Generation{wire.EV3, wire.NTAG424} {
		picc := filled(t, g)
		list = append(list, []byte(written(t, whole(t, picc))), picc.Image().WithoutKeys().Encode())
	}
	return list
}

// hold checks what holds of any file: what is read is the same after it was
// written and read again, and is no different from itself; what is refused has a
// reason that a terminal can show.
func hold(t *testing.T, data []byte) {
	d, err := dump.Read(data)
	if err != nil {
		var e *dump.FormatError
		if !errors.As(err, &e) || strings.ContainsFunc(err.Error(), unseen) {
			t.Errorf("%q", err)
		}
		return
	}
	for _, n := range d.Notes {
		if strings.ContainsFunc(n, unseen) {
			t.Errorf("note %q", n)
		}
	}
	text := written(t, d.Card)
	again, err := dump.Read([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !reflect.DeepEqual(bare(again.Card), bare(d.Card)) {
		t.Errorf("\n got %+v\nwant %+v", again.Card, d.Card)
	}
	if diff := dump.Diff(d.Card, again.Card); diff != nil {
		t.Errorf("%+v", diff)
	}
}

func unseen(r rune) bool { return !unicode.IsPrint(r) }

func FuzzRead(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(hold)
}

// A file without one of its lines, with one twice, or with other digits in one.
func TestChangedLines(t *testing.T) {
	for _, b := range seeds(t) {
		lines := strings.SplitAfter(string(b), "\n")
		for i := 0; i < len(lines); i += 1 + len(lines)/8 {
			for _, line := range []string{"", lines[i] + lines[i], digits(lines[i], '9'), digits(lines[i], '0'), digits(lines[i], 'F')} {
				hold(t, []byte(strings.Join(lines[:i], "")+line+strings.Join(lines[i+1:], "")))
			}
		}
	}
}

// digits puts another digit in the place of each behind the name.
func digits(line string, d rune) string {
	name, value, _ := strings.Cut(line, ":")
	return name + ":" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'F' {
			return d
		}
		return r
	}, value)
}
