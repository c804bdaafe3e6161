package perso

import (
	"context"
	"errors"
	"math"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// writing is what is to be written into a file, by whom.
type writing struct {
	app      *Application
	file     *File
	settings wire.FileSettings // under which it is written
	as       who
	now      content // what the file holds
	mac      *wire.FileSettings
	there    bool // the file was there when this was planned

	clear   bool // records: what is there goes
	clearAs who
	add     [][]byte
}

// span is the part of the data that has to be written.
func (w *writing) span() (from, n int) {
	if !w.now.known {
		return 0, len(w.file.Data)
	}
	return span(w.now.data, w.file.Data)
}

// transact runs body as a transaction of the application.
func (r *runner) transact(ctx context.Context, w *writing, body func() error) error {
	_, err := r.card.Transact(ctx, func() error {
		if err := body(); err != nil {
			return err
		}
		return r.nameReader(ctx, w.app, w.mac)
	})
	if err != nil {
		r.forget()
	}
	return err
}

func (r *runner) writeData(ctx context.Context, w *writing) error {
	from, n := w.span()
	if n == 0 {
		return nil
	}
	if err := r.as(ctx, w.app.Place, w.as, true); err != nil {
		return err
	}
	if err := r.asPlanned(ctx, w); err != nil {
		return err
	}
	write := func() error { return r.card.WriteData(ctx, w.file.No, uint32(from), w.file.Data[from:from+n]) }
	if w.settings.Type == wire.FileStandard {
		return write()
	}
	return r.transact(ctx, w, write)
}

// asPlanned makes sure that what is written into a file that was there goes out as well
// protected as the plan has seen it, which may have been in clear.
func (r *runner) asPlanned(ctx context.Context, w *writing) error {
	if !w.there || w.settings.Comm() == wire.CommPlain {
		return nil
	}
	no := w.file.No
	told, err := r.card.FileSettings(ctx, no)
	switch {
	case inspect.Refused(err): // it tells them to the master key only: as planned, or not at all
		r.forget()
		if err := r.as(ctx, w.app.Place, w.as, true); err != nil {
			return err
		}
		return r.card.AssumeFileSettings(no, w.settings)
	case err != nil:
		return err
	case told.Comm() < w.settings.Comm() || !w.as.free && told.Access != w.settings.Access:
		return r.changed("the settings of %v are not what they were", at(w.app.Place).file(no))
	}
	return nil
}

// writeRecords appends one record a transaction: a card takes no more.
func (r *runner) writeRecords(ctx context.Context, w *writing) error {
	if w.clear {
		if err := r.as(ctx, w.app.Place, w.clearAs, true); err != nil {
			return err
		}
		if err := r.transact(ctx, w, func() error { return r.card.ClearRecordFile(ctx, w.file.No) }); err != nil {
			return err
		}
	}
	for i, record := range w.add {
		if err := r.as(ctx, w.app.Place, w.as, true); err != nil {
			return err
		}
		if i == 0 {
			if err := r.asPlanned(ctx, w); err != nil {
				return err
			}
		}
		if err := r.transact(ctx, w, func() error { return r.card.WriteRecord(ctx, w.file.No, 0, record) }); err != nil {
			return err
		}
	}
	return nil
}

// setValue brings a value to what it should be. First it makes sure that no
// change of before is pending, which could happen afterwards, and reads what the
// value is then.
func (r *runner) setValue(ctx context.Context, w *writing) error {
	value, err := r.settledValue(ctx, w)
	if err != nil {
		return err
	}
	change := int64(*w.file.Value) - int64(value)
	if change == 0 {
		return nil
	}
	if up := change > 0; up == (w.now.value > *w.file.Value) {
		return r.changed("the value of %v was changed meanwhile", at(w.app.Place).file(w.file.No))
	}
	return r.transact(ctx, w, func() error {
		for change != 0 {
			amount := int32(min(max(change, -math.MaxInt32), math.MaxInt32))
			var err error
			if amount > 0 {
				err = r.card.Credit(ctx, w.file.No, amount)
			} else {
				err = r.card.Debit(ctx, w.file.No, -amount)
			}
			if err != nil {
				return err
			}
			change -= int64(amount)
		}
		return nil
	})
}

// settledValue reads a value once nothing is pending. It leaves a session that
// may change it.
func (r *runner) settledValue(ctx context.Context, w *writing) (int32, error) {
	if err := r.as(ctx, w.app.Place, w.as, true); err != nil {
		return 0, err
	}
	conf := &desfire.SettleConfig{Place: w.app.Place, Value: &w.file.No}
	s, ok := r.card.Session()
	if ok {
		h, proved := r.proved[slot{w.app.Place, s.KeyNo}]
		if !proved {
			return 0, errors.New("perso: the key of the session is not known")
		}
		conf.Login = desfire.SettleKey{No: s.KeyNo, Key: h.key}
	}
	debit, _ := inspect.RightsOf(&w.settings).Of(inspect.ActDebit)
	conf.Accidents = !ok || s.Scheme == wire.SchemeD40 || !debit.Allows(s.KeyNo)
	r.forget()
	settled, err := r.card.Settle(ctx, conf)
	if err != nil {
		return 0, err
	}
	r.place, r.inside = w.app.Place, true
	if err := r.sameCard(ctx); err != nil {
		return 0, err
	}
	if settled.Value == nil {
		return 0, errors.New("perso: the value was not read")
	}
	return *settled.Value, nil
}
