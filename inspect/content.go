package inspect

import (
	"context"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// content reads what a file holds, if that is allowed: a refusal would cost the
// session, and its reason is known beforehand.
func (r *reader) content(ctx context.Context, f *File) error {
	grant, _ := f.Rights.Of(actOf(f))
	s, authenticated := r.card.Session()
	shown := f.SDM != nil && f.SDM.Settings.Access.FileRead() != wire.Never && !authenticated // command reference 13.3
	if !grant.Free && !shown && !(authenticated && grant.Allows(s.KeyNo)) {
		m := Missing{What: PartContent, Reason: notAsked}
		if m.Needs = grant.Who(); !grant.Possible() {
			m.Reason, m.Needs = "nobody may read it", ""
		}
		f.Missing = append(f.Missing, m)
		return nil
	}
	if r.conf.Leave != nil {
		if reason := r.conf.Leave(r.place, f, authenticated); reason != "" {
			f.Missing = append(f.Missing, Missing{What: PartContent, Reason: reason})
			return nil
		}
	}
	_, err := r.ask(ctx, &f.Missing, PartContent, grant.Who(), func() error { return r.readContent(ctx, f) })
	return err
}

// notAsked is why a content is missing for which the session has no right.
const notAsked = "it was not asked for"

// actOf is how a file is read.
func actOf(f *File) Act {
	if f.Settings.Type == wire.FileValue {
		return ActGetValue
	}
	return ActRead
}

// closed reads what the session of the place may not, with a key of the caller's
// that may.
func (r *reader) closed(ctx context.Context, f *File) error {
	m := f.MissingPart(PartContent)
	if r.conf.EnterFile == nil || m == nil || m.Reason != notAsked {
		return nil
	}
	ok, reason, err := r.conf.EnterFile(ctx, r.card, r.place, f.No, actOf(f))
	switch {
	case err != nil:
		return err
	case !ok && reason != "":
		m.Reason = reason
		return nil
	case !ok:
		return nil
	}
	f.Missing = slices.DeleteFunc(f.Missing, func(m Missing) bool { return m.What == PartContent })
	if len(f.Missing) == 0 {
		f.Missing = nil
	}
	return r.content(ctx, f)
}

func (r *reader) readContent(ctx context.Context, f *File) error {
	switch fs := f.Settings; fs.Type {
	case wire.FileValue:
		v, err := r.card.Value(ctx, f.No)
		if err == nil {
			f.Value = &v
		}
		return err
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		if fs.Records == 0 {
			return nil // the card would refuse to read none
		}
		data, err := r.card.ReadRecords(ctx, f.No, 0, 0)
		if err == nil {
			f.Content = Records(fs, data)
		}
		return err
	default:
		data, err := r.card.ReadData(ctx, f.No, 0, 0)
		if err == nil {
			f.Data = data
		}
		return err
	}
}

// counter asks for the read counter of a file with secure dynamic messaging. The
// card enciphers it, so it takes a session.
func (r *reader) counter(ctx context.Context, f *File) error {
	grant, _ := f.Rights.Of(ActReadCounter)
	if s, ok := r.card.Session(); !ok || !grant.Allows(s.KeyNo) {
		m := Missing{What: PartReadCounter, Reason: "it was not asked for"}
		switch m.Needs = grant.Who(); {
		case !grant.Possible():
			m.Reason, m.Needs = "nobody may ask for it", ""
		case grant.Free:
			m.Needs = "a session with any key"
		}
		f.Missing = append(f.Missing, m)
		return nil
	}
	_, err := r.ask(ctx, &f.Missing, PartReadCounter, grant.Who(), func() error {
		n, err := r.card.SDMReadCounter(ctx, f.No)
		if err == nil {
			f.ReadCounter = &n
		}
		return err
	})
	return err
}

// Records cuts what ReadRecords returned into records. It keeps data.
func Records(fs *wire.FileSettings, data []byte) []Hex {
	var list []Hex
	for size := int(fs.RecordSize); size > 0 && len(data) >= size; data = data[size:] {
		list = append(list, data[:size:size])
	}
	return list
}
