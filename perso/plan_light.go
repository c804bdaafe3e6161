package perso

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Of the files of a DESFire Light the transaction MAC file can be made anew, with
// another key and number, and the limits of the value file can be set once.

// lightMAC plans the transaction MAC file of a DESFire Light: it comes with a key of
// zeros, and gets another by being made anew. handled is false where there is nothing
// special about it.
func (x *filePlan) lightMAC(ctx context.Context) (handled bool, err error) {
	if x.planner.is.Generation != wire.Light || x.file.Settings.Type != wire.FileTransactionMAC {
		return false, nil
	}
	if x.mac == nil {
		return true, x.create(ctx)
	}
	k, source, ok, err := take(ctx, x.conf.Want, x.tmacRef(x.app.Place))
	switch {
	case err != nil:
		return true, err
	case x.mac.Settings == nil || !ok && x.mac.No == x.file.No:
		return false, nil
	case !ok:
		x.impossible(x.here, "the transaction MAC file has number %d: to make it anew its key is needed, which the key store does not have: %v", uint8(x.mac.No), x.tmacRef(x.app.Place))
		return true, nil
	case k.Version() == 0 && !isZeroKey(k):
		x.impossible(x.here, "its key has version 00, as the one of zeros that cards are delivered with: nothing would tell them apart, give it another version")
		return true, nil
	case x.mac.No == x.file.No && byte(x.mac.Settings.TMKeyVersion) == k.Version():
		return false, nil
	}
	old, as := *x.mac, who{no: 0}
	where := at(x.app.Place).file(old.No)
	if old.Settings.TMKeyVersion != 0 && !x.mayLose(where) {
		x.holdLoss(where, "it was made with a key of version %v before: made anew it would count from 0 again", old.Settings.TMKeyVersion)
		return true, nil
	}
	if reason := noBytes(k, source); reason != "" {
		x.impossible(x.here, "%s", reason)
		return true, nil
	}
	hand, err := x.atHand(ctx, slot{x.app.Place, 0})
	if err != nil || !hand {
		x.impossible(x.here, "it is made anew with the master key only, which is not at hand")
		return true, err
	}
	x.step(Step{
		Where: where, Kind: DeleteFile, Words: fmt.Sprintf("delete %v, to make it anew with its key: it counts from 0 again", where), Exchanges: 2, Replaces: true,
		do: func(ctx context.Context, r *runner) error { return r.deleteFile(ctx, x.app.Place, &old, as, false) },
	}, as)
	x.mac, x.is = nil, nil
	return true, x.create(ctx)
}

// lightValue plans the limits of the value file of a DESFire Light, which can be set
// once. It reports whether they become those of the layout.
func (x *filePlan) lightValue(ctx context.Context) (bool, error) {
	is, want := x.is.Settings, &x.file.Settings
	if x.planner.is.Generation != wire.Light || is.Type != wire.FileValue || want.Type != wire.FileValue {
		return false, nil
	}
	if is.Lower != 0 || is.Upper != 1<<31-1 {
		return false, nil // they were set
	}
	hand, err := x.atHand(ctx, slot{x.app.Place, 0})
	if err != nil || !hand {
		return false, err
	}
	if ok, err := x.nothing(ctx, x.app.Place, x.is); err != nil || !ok {
		return false, err // what it holds would be replaced
	}
	seen, named := *x.is, x.mayLose(x.here)
	setting := &wire.ValueFileConfig{File: x.file.No, Lower: want.Lower, Upper: want.Upper, Value: x.initial(), Flags: want.Flags}
	x.step(Step{
		Where: x.here, Kind: SetOption, Name: "value-file", Words: fmt.Sprintf("set the limits of %v, once: %d to %d, value %d", x.here, want.Lower, want.Upper, setting.Value), Exchanges: 2 + x.lookExchanges() + x.login(),
		Forever: "its limits can never be changed again", Replaces: true,
		do: func(ctx context.Context, r *runner) error {
			if !named {
				if err := r.stillEmpty(ctx, x.app.Place, &seen); err != nil {
					return err
				}
			}
			return r.setOption(ctx, x.app.Place, setting)
		},
	}, who{no: 0})
	s := is.Clone()
	s.Lower, s.Upper, s.Flags = want.Lower, want.Upper, want.Flags
	file := inspect.File{No: x.is.No, ISOID: x.is.ISOID, Settings: &s, Missing: x.is.Missing}
	x.is = &file
	return true, nil
}
