package perso

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// What only a new file is given (File.First, File.FirstData) must be given once, also
// where the card leaves in the middle. So a file with such data is made with rights
// that are never the final ones, which it gets when it holds them: what it has until
// then tells that it is being made. Files of DESFire Light and NTAG 424 DNA are never
// made; one that holds zeros only is new.

// wrongFirst says what about first contents contradicts the file.
func (f *File) wrongFirst() string {
	s := &f.Settings
	switch {
	case f.First != nil && s.Type != wire.FileValue, f.FirstData != nil && s.Type != wire.FileStandard && s.Type != wire.FileBackup:
		return fmt.Sprintf("a %v file cannot begin with that", s.Type)
	case f.FirstData != nil && f.Data != nil:
		return "either it begins with something or it keeps it, not both"
	case len(f.FirstData) > int(s.Size):
		return fmt.Sprintf("%d bytes do not fit into %d", len(f.FirstData), s.Size)
	case f.First != nil && (*f.First < s.Lower || *f.First > s.Upper):
		return fmt.Sprintf("the value that it begins with does not lie between %d and %d", s.Lower, s.Upper)
	}
	return ""
}

// begins reports whether the file has data that only a new one is given.
func (f *File) begins() bool {
	_, n := span(nil, f.FirstData)
	return f.Data == nil && n > 0
}

// making are the rights of a file that is being made: the master key's, in a form that
// no layout would choose, and never the final ones.
func (f *File) making() wire.AccessRights {
	rights := wire.AccessRights{Read: wire.Never}
	if f.Settings.Access == rights {
		return wire.AccessRights{Write: wire.Never}
	}
	return rights
}

// withFirst is a plan of the file with the data that it begins with.
func (x *filePlan) withFirst() *filePlan {
	y, file := *x, *x.file
	file.Data, file.FirstData = file.FirstData, nil
	y.file, y.begins = &file, true
	return &y
}

// unfinished is x, or a plan with the data that the file begins with, where that is
// being made and does not hold it yet.
func (x *filePlan) unfinished(ctx context.Context) (*filePlan, error) {
	fixed := x.planner.is.Generation.FixedName() != nil
	if fixed && x.file.First != nil && *x.file.First != 0 {
		x.warn(x.here, "it is there from the factory: it begins with what it holds, and not with %d", *x.file.First)
	}
	if !x.file.begins() {
		return x, nil
	}
	is := x.is.Settings
	if !fixed && (is.Access != x.file.making() || len(is.Additional) > 0) {
		return x, nil
	}
	now, err := x.read(ctx, x.app.Place, x.file, is)
	if err != nil || !now.known {
		return x, err
	}
	for i, b := range now.data {
		if b != 0 && (i >= len(x.file.FirstData) || b != x.file.FirstData[i]) {
			return x, nil // somebody's
		}
	}
	return x.withFirst(), nil
}
