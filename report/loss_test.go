package report_test

import (
	"slices"
	"testing"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

// What is lost is named with its value, its records and what phones read, and what was
// not read is not taken for empty.
func TestLosses(t *testing.T) {
	picc := campus(t, wire.EV3)
	c, _ := read(t, picc, true)
	list := report.New(c, nil).Losses()
	if len(list) != 2 || list[0].Application.AID != appName || list[1].NDEF == nil || len(list[1].NDEF.Records) != 2 || list[0].NDEF != nil || list[0].Unknown {
		t.Fatalf("%+v", list)
	}
	files := list[0].Files
	if f := files[2]; !f.Purse || f.Value == nil || *f.Value != secretValue-4 || f.Empty || f.Unread {
		t.Errorf("%+v", f)
	}
	if f := files[3]; f.Records != 1 || f.Empty || f.Purse {
		t.Errorf("%+v", f)
	}
	if f := files[5]; f.Empty || !f.Unread { // nobody may read it
		t.Errorf("%+v", f)
	}
	if one := report.New(c, nil).Losses(wire.Place{AID: appName}); len(one) != 1 || one[0].Application.AID != appName {
		t.Errorf("%+v", one)
	}
	c, _ = read(t, picc, false)
	for _, f := range report.New(c, nil).Losses(wire.Place{AID: appName})[0].Files {
		if f.Purse && (f.Value != nil || !f.Unread) || f.Unread && f.Empty {
			t.Errorf("%+v", f)
		}
	}
	// Files that are not told are not none.
	c, _ = read(t, closed(t), false)
	c.Applications = append(c.Applications, inspect.NewApplication(wire.Place{AID: 1}))
	if l := report.New(c, nil).Losses(); !slices.ContainsFunc(l, func(l report.Loss) bool { return l.Unknown }) {
		t.Errorf("%+v", l)
	}
	for name, c := range everyCard(t) {
		if got := report.New(c, nil).Losses(); len(got) != len(c.Applications) {
			t.Errorf("%s: %d of %d", name, len(got), len(c.Applications))
		}
	}
}
