package desfire

import (
	"bytes"
	"context"
	"errors"
	"maps"

	"github.com/go-desfire/desfire/wire"
)

// origin is where settings of a file are known from. What was learned in clear
// may be forged: it is a hint, and never decides what a session protects.
type origin uint8

const (
	fromNowhere origin = iota
	fromClear          // GetFileSettings that nothing protected
	fromSession        // GetFileSettings in a session with MACs
	fromCaller         // stated, or created by this Card
)

// fileFacts is what is known of a file.
type fileFacts struct {
	wire.FileSettings
	origin  origin
	refused error // why the card would not tell them
	to      asker // whom
}

// asker is who asks for settings: they may be for some keys only.
type asker struct {
	scheme wire.Scheme
	key    KeyNo
}

func (s *state) asker() asker {
	if s.channel == nil {
		return asker{}
	}
	info := s.channel.Info()
	return asker{info.Scheme, info.KeyNo}
}

// place is what file numbers are relative to.
type place struct {
	app, second AID
	name        string // DF name or identifier, where an application was selected by it
}

// mayBe reports whether two places may hold the same files: an application can
// be selected by AID and by name.
func (p place) mayBe(q place) bool {
	return p.name != "" || q.name != "" || p.app == q.app || p.app == q.second || p.second == q.app || p.second == q.second && p.second != wire.PICC
}

// facts is what is known of a file of the selected application; nil if nothing.
func (c *Card) facts(no FileNo) *fileFacts { return c.known[c.state.place][no] }

// settingsOf are the settings of a file as far as they are known, if only from
// what could be forged; nil if not.
func (c *Card) settingsOf(no FileNo) *wire.FileSettings {
	if f := c.facts(no); f != nil && f.origin != fromNowhere {
		return &f.FileSettings
	}
	return nil
}

func (c *Card) newFacts(no FileNo, f *fileFacts) { c.factsIn(c.state.place, no, f) }

func (c *Card) factsIn(p place, no FileNo, f *fileFacts) {
	if c.known == nil {
		c.known = make(map[place]map[FileNo]*fileFacts)
	}
	files := c.known[p]
	if files == nil {
		files = make(map[FileNo]*fileFacts)
		c.known[p] = files
	}
	files[no] = f
}

// learn keeps settings, unless better ones are there.
func (c *Card) learn(no FileNo, fs *wire.FileSettings, from origin) {
	if f := c.facts(no); f != nil && from < f.origin {
		return
	}
	c.newFacts(no, &fileFacts{FileSettings: fs.Clone(), origin: from})
}

// unlearn forgets a file, under whatever name its application was selected.
func (c *Card) unlearn(no FileNo) {
	for p, files := range c.known {
		switch {
		case p == c.state.place:
			delete(files, no)
		case p.mayBe(c.state.place):
			maps.DeleteFunc(files, func(other FileNo, _ *fileFacts) bool { return other.Local() == no.Local() })
		}
	}
}

// unlearnPlace forgets what may be the files of an application.
func (c *Card) unlearnPlace(aid AID) {
	maps.DeleteFunc(c.known, func(p place, _ map[FileNo]*fileFacts) bool { return p.mayBe(place{app: aid}) })
}

// knownSettings is a copy of what is known of a file, nil if nothing is.
func (c *Card) knownSettings(no FileNo) *wire.FileSettings {
	fs := c.settingsOf(no)
	if fs == nil {
		return nil
	}
	out := fs.Clone()
	return &out
}

// AssumeFileSettings states the settings of a file of the selected application,
// so that a session need not ask the card for them. They hold for as long as
// the Card lives, unless a command of this Card changes them, or may have, or
// FileSettings reads others in a session with MACs. A wrong statement costs the
// session, or, where it is weaker than what the card has, protection. The Card
// keeps a copy.
func (c *Card) AssumeFileSettings(no FileNo, fs wire.FileSettings) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	c.newFacts(no, &fileFacts{FileSettings: fs.Clone(), origin: fromCaller})
	return nil
}

// AssumeSettingsOf is AssumeFileSettings for a file of an application that need
// not be selected yet.
func (c *Card) AssumeSettingsOf(p Place, no FileNo, fs wire.FileSettings) error {
	at, err := p.On(c.gen)
	if err != nil {
		return &ArgumentError{"AssumeSettingsOf", err}
	}
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	in := place{app: at.AID}
	if at.Name != "" {
		in = placeOf(&wire.ISOSelect{By: wire.SelectByName, Name: []byte(at.Name)})
	}
	c.factsIn(in, no, &fileFacts{FileSettings: fs.Clone(), origin: fromCaller})
	return nil
}

// remember updates what is known of files, and who the card is, after a command
// has succeeded. before is what outdate forgot, proven tells that the answer
// carried a MAC.
func (c *Card) remember(cmd wire.Command, rsp wire.Message, before *fileFacts, proven bool) {
	switch m := cmd.(type) {
	case *wire.GetFileSettings:
		from := fromClear
		if proven {
			from = fromSession
		}
		if fs, ok := rsp.(*wire.FileSettings); ok {
			c.learn(m.File, fs, from)
		}
	case *wire.ChangeFileSettings:
		if before == nil || before.origin == fromNowhere {
			return
		}
		from := fromClear // as its type and size are
		if before.origin > fromClear {
			from = fromCaller
		}
		fs := before.FileSettings
		fs.Option, fs.Access, fs.Additional, fs.SDM = m.Option, m.Access, m.Additional, m.SDM
		c.learn(m.File, &fs, from)
	case *wire.GetCardUID:
		if told, ok := rsp.(*wire.CardUID); ok && proven && len(told.UID) > 0 {
			c.cardUID = bytes.Clone(told.UID)
		}
	default:
		if no, fs, ok := created(cmd); ok {
			c.learn(no, &fs, fromCaller)
		}
	}
}

// outdate forgets what a command may change, before it goes out, and returns what
// was known of its file.
func (c *Card) outdate(cmd wire.Command) (before *fileFacts) {
	switch m := cmd.(type) {
	case *wire.ChangeFileSettings:
		before = c.facts(m.File)
		c.unlearn(m.File)
	case *wire.DeleteFile:
		c.unlearn(m.File)
	case *wire.FormatPICC:
		clear(c.known)
	case *wire.DeleteApplication:
		c.unlearnPlace(m.AID)
	case *wire.CreateApplication:
		c.unlearnPlace(m.AID)
	case *wire.CreateDelegatedApplication:
		c.unlearnPlace(m.AID)
	default:
		if no, _, ok := created(cmd); ok {
			c.unlearn(no)
		}
	}
	return before
}

// created are the settings of the file that a command creates.
func created(cmd wire.Command) (no FileNo, fs wire.FileSettings, ok bool) {
	switch m := cmd.(type) {
	case *wire.CreateStdDataFile:
		return m.File, wire.FileSettings{Type: wire.FileStandard, Option: m.Option, Access: m.Access, Size: m.Size}, true
	case *wire.CreateBackupDataFile:
		return m.File, wire.FileSettings{Type: wire.FileBackup, Option: m.Option, Access: m.Access, Size: m.Size}, true
	case *wire.CreateValueFile:
		return m.File, wire.FileSettings{Type: wire.FileValue, Option: m.Option, Access: m.Access, Lower: m.Lower, Upper: m.Upper, Flags: m.Flags}, true
	case *wire.CreateLinearRecordFile:
		return m.File, wire.FileSettings{Type: wire.FileLinearRecord, Option: m.Option, Access: m.Access, RecordSize: m.RecordSize, MaxRecords: m.MaxRecords}, true
	case *wire.CreateCyclicRecordFile:
		return m.File, wire.FileSettings{Type: wire.FileCyclicRecord, Option: m.Option, Access: m.Access, RecordSize: m.RecordSize, MaxRecords: m.MaxRecords}, true
	case *wire.CreateTransactionMACFile:
		return m.File, wire.FileSettings{Type: wire.FileTransactionMAC, Option: m.Option, Access: m.Access}, true
	}
	return 0, wire.FileSettings{}, false
}

// settled finds the settings that decide how a command on a file is protected in
// the present session: stated, created, or told by the card under a MAC; in a
// D40 session, which protects none, whatever is known. It asks the card once,
// and never while something is pending.
func (c *Card) settled(ctx context.Context, cmd wire.Command, no FileNo) (*fileFacts, error) {
	f := c.facts(no)
	enough := fromSession
	if c.state.scheme() == wire.SchemeD40 {
		enough = fromClear
	}
	switch {
	case f != nil && f.origin >= enough:
		return f, nil
	case f != nil && f.refused != nil && f.to == c.state.asker():
		return nil, &FileSettingsError{no, f.refused}
	case c.state.pending:
		return nil, &FileSettingsError{no, errors.New("and asking the card while changes are pending could cost them")}
	}
	if _, err := c.encode(cmd); err != nil {
		return nil, err // before anything is sent
	}
	fs, by := new(wire.FileSettings), c.state.asker()
	err := c.run(ctx, request{cmd: &wire.GetFileSettings{File: no}, rsp: fs})
	refused := Refusal(err)
	switch {
	case err == nil:
		return c.facts(no), nil
	case refused == nil:
		return nil, err
	case refused.Status != wire.StatusFileNotFound:
		if f = c.facts(no); f == nil {
			f = new(fileFacts)
			c.newFacts(no, f)
		}
		f.refused, f.to = err, by
	}
	return nil, &FileSettingsError{no, err}
}

// doubt forgets settings that nothing protected, since a message that was made
// by them did not fit: the next job asks anew.
func (c *Card) doubt(cmd wire.Command) {
	if no, ok := wire.FileOf(cmd); ok {
		if f := c.facts(no); f != nil && f.origin <= fromClear {
			delete(c.known[c.state.place], no)
		}
	}
}
