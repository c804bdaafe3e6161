package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

// Parts that lack the same for the same reason are told together.
func TestLostTogether(t *testing.T) {
	c := &inspect.Card{Generation: wire.EV2}
	for n, files := range []int{1, 3, 12} {
		a := inspect.NewApplication(wire.Place{AID: wire.AID(0xA00000 + n)})
		for no := range files {
			f := inspect.NewFile(wire.FileNo(no), &wire.FileSettings{Type: wire.FileStandard, Access: accessOf(0x1111), Size: 8})
			f.Missing = []inspect.Missing{{What: inspect.PartContent, Reason: "it was not asked for", Needs: "key 1"}}
			a.Files = append(a.Files, f)
		}
		c.Applications = append(c.Applications, a)
	}
	page := pageOf(t, c, nil)
	for _, w := range []string{">A00000, file 0<", ">A00001, files 0, 1 and 2<", ">A00002, 12 files<", "The content was not read: no key that may was at hand; it takes key 1."} {
		if !strings.Contains(page, w) {
			t.Errorf("%q is not on the page", w)
		}
	}
	if n := strings.Count(page, `data-l="Why"`); n != 3 {
		t.Errorf("%d lines", n)
	}
}

// Memory that is neither free nor in an application is called lost only where nothing
// else can be in it.
func TestRest(t *testing.T) {
	free := 1000
	read := func(g wire.Generation, x *report.Extra, seen bool) report.Memory {
		c := &inspect.Card{Generation: g, Storage: 4096, StorageExact: true, FreeMemory: &free}
		if seen {
			c.Applications = []inspect.Application{}
		}
		return report.New(c, &report.Config{Extra: x}).Memory
	}
	for _, x := range []struct {
		m     report.Memory
		words string
	}{
		{read(wire.EV1, nil, true), "the card's own, or left by what was deleted, which comes back only when the whole card is formatted (FormatPICC)"},
		{read(wire.EV1, nil, false), "in no application that was seen whole"},
		{read(wire.EV2, nil, true), "kept for delegated applications, the card's own, or"},
		{read(wire.EV2, &report.Extra{SlotsRead: 8}, true), "Taken and in no application: the card's own, or"},
		{read(wire.EV2, &report.Extra{SlotsRead: 8, Delegated: []report.Slot{{Free: 320, Quota: 512}}}, true), "320 bytes are kept for delegated applications"},
	} {
		if x.m.Rest == nil || *x.m.Rest != 3096 || !strings.Contains(x.m.Words, x.words) {
			t.Errorf("%+v, want %q", x.m, x.words)
		}
	}
}

// A page that does not show all of a file says how much more there is.
func TestMostRows(t *testing.T) {
	pieces, err := report.Pieces()
	must(t, err)
	_, err = pieces.New("mine").Parse(`{{range .Apps}}{{template "card-application" .}}{{end}}`)
	must(t, err)
	long := inspect.NewFile(1, &wire.FileSettings{Type: wire.FileStandard, Size: 100})
	for i := range 100 {
		long.Data = append(long.Data, byte(i))
	}
	records := inspect.NewFile(2, &wire.FileSettings{Type: wire.FileCyclicRecord, RecordSize: 1, MaxRecords: 9, Records: 8})
	for i := range 8 {
		records.Content = append(records.Content, inspect.Hex{byte(i)})
	}
	a := inspect.NewApplication(wire.Place{AID: 1})
	a.Files = []inspect.File{long, records}
	c := &inspect.Card{Generation: wire.EV2, Applications: []inspect.Application{a}}
	for most, words := range map[int][]string{0: {">0060<"}, 5: {"60 bytes more", "3 older records more"}, 7: {"44 bytes more", "1 older record more"}, 13: {">0060<"}} {
		var b bytes.Buffer
		must(t, pieces.ExecuteTemplate(&b, "mine", report.NewPage(report.New(c, nil), &report.PageConfig{MostRows: most})))
		for _, w := range words {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%d rows: %q is not there", most, w)
			}
		}
		if (most == 0 || most == 13) == strings.Contains(b.String(), "bytes more") {
			t.Errorf("%d rows: what is left out", most)
		}
	}
}

// The parts can stand on another page, with what that adds.
func TestPieces(t *testing.T) {
	pieces, err := report.Pieces()
	must(t, err)
	_, err = pieces.New("mine").Parse(`{{define "card-file-acts"}}<button>{{.More}} {{.File.File}}</button>{{end}}{{define "card-worry-link"}}[{{.Topic}} {{.Around}}]{{end}}{{range .Apps}}{{template "card-application" .}}{{end}}{{template "card-worries" .}}`)
	must(t, err)
	c, _ := read(t, campus(t, wire.EV3), true)
	p := report.NewPage(report.New(c, nil), &report.PageConfig{More: "act", KeyName: func(p wire.Place, no int) string {
		if p.AID == appName && no == 2 {
			return "<till>"
		}
		return ""
	}})
	var b bytes.Buffer
	must(t, pieces.ExecuteTemplate(&b, "mine", p))
	for _, w := range []string{"<button>act 0</button>", "[keys act]", "[rights act]", "<b>Key 2</b>&lt;till&gt;", "<td>&lt;till&gt;</td>", "Key 0", "version 00"} {
		if !strings.Contains(b.String(), w) {
			t.Errorf("%q is not there", w)
		}
	}
	for _, w := range []string{"<style", "style=", "<script", "{{"} {
		if strings.Contains(b.String(), w) {
			t.Errorf("%q is there", w)
		}
	}
	// What one page defines, the next does not have.
	if page := pageOf(t, c, nil); strings.Contains(page, "<button") {
		t.Error("the report has the button of another page")
	}
	if report.Stylesheet() == "" || strings.Contains(report.Stylesheet(), "url(") {
		t.Error("stylesheet")
	}
}
