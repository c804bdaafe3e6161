package report

import (
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// fact is a line about a file.
type fact struct {
	Name, Value string
	Mono        bool
}

// cut leaves rows and records out.
func (f *FilePage) cut(most int) {
	if n := len(f.Records) - most; most > 0 && n > 0 {
		f.Records, f.Cut = f.Records[:most], counted(n, "older record")+" more"
	}
	if most == 0 || len(f.Rows) <= most {
		return
	}
	at := len(f.F.Data)
	for _, r := range f.Rows[most:] {
		if r.Same == "" {
			at = r.from
			break
		}
	}
	f.Rows, f.Cut = f.Rows[:most], counted(len(f.F.Data)-at, "byte")+" more"
}

// gauge is a value between its limits.
type gauge struct {
	Lower, Upper int32
	Fill         string // percent
}

// gaugeOf is the gauge of a value file, nil if its value or limits say none.
func gaugeOf(f *inspect.File) *gauge {
	fs := f.Settings
	if f.Value == nil || fs == nil || fs.Type != wire.FileValue || fs.Upper <= fs.Lower {
		return nil
	}
	span := float64(int64(fs.Upper) - int64(fs.Lower))
	at := float64(int64(*f.Value)-int64(fs.Lower)) / span
	return &gauge{fs.Lower, fs.Upper, fmt.Sprintf("%.2f%%", 100*min(max(at, 0), 1))}
}

// tmacFacts are what is known of a transaction MAC file, none of other files.
func tmacFacts(x *File) (list []fact) {
	f := x.card
	fs := f.Settings
	if fs == nil || fs.Type != wire.FileTransactionMAC {
		return nil
	}
	if c := x.Content; c != nil && c.TMAC != nil {
		list = append(list, fact{Name: "Counter", Value: fmt.Sprint(c.TMAC.Counter)}, fact{"Last MAC", spaced(c.TMAC.MAC), true})
	}
	list = append(list, fact{Name: "Its key", Value: fmt.Sprintf("%v, version %v", fs.TMKeyOption, fs.TMKeyVersion)})
	if f.CounterLimit != nil {
		list = append(list, fact{Name: "Ends", Value: fmt.Sprintf("after transaction %d, no more can be committed", *f.CounterLimit)})
	}
	reader := "not asked for: transactions do not say which reader made them"
	if g, ok := f.Rights.Of(inspect.ActNameReader); ok {
		switch {
		case g.Free:
			reader = "every transaction has to name it (CommitReaderID), which anybody may"
		case g.Possible():
			reader = fmt.Sprintf("every transaction has to name it (CommitReaderID), with %s", g.Who())
		}
	}
	return append(list, fact{Name: "Reader", Value: reader})
}
