package purse

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// recordSize is what a record of a purse takes: an ID, an amount, a number.
const recordSize = 24

// check refuses what would prove nothing.
func (c *Config) check() error {
	bad := func(field, format string, a ...any) error { return &ConfigError{field, fmt.Sprintf(format, a...)} }
	switch {
	case c.Journal == nil:
		return bad("Journal", "there is none: Memory keeps one in this process, boltjournal one in a file")
	case c.Place.IsCard():
		return bad("Place", "the card level has no files")
	case c.Generation == wire.UnknownGeneration:
		return bad("Generation", "it has to be said: a card could claim to be an older one")
	case c.Policy != Hostile && c.Policy != Accidents:
		return bad("Policy", "%q is none: %s or %s", c.Policy, Hostile, Accidents)
	case c.Others != OthersAny && c.Others != OthersDebit && c.Others != OthersNothing:
		return bad("Others", "%q: %q, %q or empty", c.Others, OthersDebit, OthersNothing)
	case len(c.Values) == 0:
		return bad("Values", "there is no value file")
	case c.NoKey && c.Policy == Hostile:
		return bad("NoKey", "without a session nothing that the card says is its own: policy %s is the only one for free files", Accidents)
	case !c.NoKey && c.Keys == nil:
		return bad("Keys", "there are none; NoKey is for free files")
	case c.BeforeCommit != nil && (c.Policy != Accidents || c.TMAC != nil):
		return bad("BeforeCommit", "what it adds is no part of what is proved: only policy %s without TMAC takes it", Accidents)
	case c.Others == OthersAny && c.Slot == nil && c.Record == nil && (c.TMAC == nil || !c.TMAC.NamesReader):
		return bad("Others", "where others credit and debit too, a value proves nothing: a receipt is needed (slot, record, or a transaction MAC file with CommitReaderID), or nobody else may move the value (%s)", OthersNothing)
	}
	if c.Policy == Hostile && c.Others == OthersNothing && c.Lease != nil && !c.BeginFence && (c.TMAC == nil || !c.TMAC.NamesReader) {
		return bad("BeginFence", "a relay can have committed under our lease what pended under another's, by the same amount perhaps: make sure that nothing pends before each change, or name the reader to a transaction MAC file")
	}
	if err := c.checkMethod(); err != nil {
		return err
	}
	if err := c.elsewhere(c.Generation); err != nil {
		return err
	}
	for i := range c.Values {
		if err := c.checkValue(i); err != nil {
			return err
		}
	}
	if err := c.checkTMAC(); err != nil {
		return err
	}
	if err := c.checkSlot(); err != nil {
		return err
	}
	return c.checkRecord()
}

// checkMethod refuses sessions that prove less than the cards could.
func (c *Config) checkMethod() error {
	if c.Policy == Accidents {
		return nil
	}
	switch {
	case c.Method != nil && c.Method.Scheme() == wire.SchemeD40:
		return &ConfigError{"Method", fmt.Sprintf("a D40 session binds no answer to its command, so that nothing is proved against a relay: use another, or policy %s", Accidents)}
	case c.Method == nil && c.Generation == wire.D40:
		return &ConfigError{"Generation", fmt.Sprintf("a D40 card proves nothing against a relay: policy %s is the only one", Accidents)}
	}
	return nil
}

// file checks what all files of a purse have in common, for the key that uses it.
func (c *Config) file(field string, f *File, no wire.KeyNo, t []wire.FileType, acts ...inspect.Act) error {
	ok := false
	for _, t := range t {
		ok = ok || f.Settings.Type == t
	}
	if !ok {
		return &ConfigError{field, fmt.Sprintf("file %d is a %v file, which is no %v file: what it does is no part of a transaction", f.No, f.Settings.Type, t[0])}
	}
	if f.No.Secondary() {
		return &ConfigError{field, fmt.Sprintf("file %d is of the secondary application, which is no part of the transaction MAC: make a purse of that application", f.No)}
	}
	rights := inspect.RightsOf(&f.Settings)
	for _, act := range acts {
		g, ok := rights.Of(act)
		switch {
		case !ok || !c.NoKey && !g.Allows(no):
			return &ConfigError{field, fmt.Sprintf("key %d has no right to %s file %d: its rights are: %s", no, act, f.No, rights.Words())}
		case c.NoKey && !g.Free:
			return &ConfigError{field, fmt.Sprintf("file %d is not free to %s without a key: its rights are: %s", f.No, act, rights.Words())}
		case c.Policy == Hostile && g.Free && act != inspect.ActGetValue:
			return &ConfigError{field, fmt.Sprintf("anybody may %s file %d: what it holds proves nothing", act, f.No)}
		}
	}
	if c.Policy == Hostile && f.Settings.Comm() == wire.CommPlain {
		return &ConfigError{field, fmt.Sprintf("file %d is of mode plain, so that its answers carry no MAC: change it to MAC or full, or use policy %s", f.No, Accidents)}
	}
	return nil
}

func (c *Config) checkValue(i int) error {
	f := &c.Values[i]
	if c.value(f.No) != f {
		return &ConfigError{"Values", fmt.Sprintf("file %d stands there twice", f.No)}
	}
	return c.file("Values", f, c.KeyNo, []wire.FileType{wire.FileValue}, inspect.ActGetValue)
}

func (c *Config) checkTMAC() error {
	t := c.TMAC
	if t == nil {
		return nil
	}
	bad := func(format string, a ...any) error { return &ConfigError{"TMAC", fmt.Sprintf(format, a...)} }
	if err := c.file("TMAC", &t.File, c.receiptKey(), []wire.FileType{wire.FileTransactionMAC}, inspect.ActRead); err != nil {
		return err
	}
	right, names := t.Settings.Access.ReadWrite, c.KeyNo
	if t.Reader != nil {
		names = *t.Reader
	}
	switch {
	case !c.Generation.Has(wire.FeatureTMAC):
		return bad("%v cards have no transaction MAC", c.Generation)
	case t.NamesReader && right == wire.Free:
		return bad("anybody may name a reader to file %d (ReadWrite is free): an id in it proves nothing", t.No)
	case t.NamesReader && right == wire.Never:
		return bad("nobody may name a reader to file %d (ReadWrite is never), so that no transaction has an id of its own; without one equal debits have equal transaction MACs", t.No)
	case t.NamesReader && t.Reader != nil && c.NoKey:
		return bad("key %d names the reader to file %d, and there is no session that it could go on from", names, t.No)
	case t.NamesReader && right != wire.Access(names) && t.Reader == nil:
		return bad("key %d names the reader to file %d, and key %d moves the value: say so (Reader), or make it one key", right, t.No, c.KeyNo)
	case t.NamesReader && right != wire.Access(names):
		return bad("key %d is to name the reader to file %d, and key %d has the right to", names, t.No, right)
	case !t.NamesReader && t.Reader != nil:
		return bad("key %d is to name the reader, and no transaction names one (NamesReader)", names)
	case c.reader() != nil && c.Method != nil && *c.Method != key.MethodEV2First && *c.Method != key.MethodLRPFirst:
		return bad("key %d names the reader to file %d, and key %d moves the value: only an EV2 or LRP session goes from one key to another, and Method is %v", names, t.No, c.KeyNo, *c.Method)
	case !t.NamesReader && right != wire.Never:
		return bad("file %d wants a reader named in each transaction (ReadWrite is %v): set NamesReader", t.No, right)
	case !t.NamesReader && c.Slot == nil && c.Record == nil && c.Others == OthersAny:
		return bad("without CommitReaderID, slot or record equal debits have equal transaction MACs: nothing is proved")
	case c.NoKey && t.Settings.Option.Has(wire.OptionTMIExclude):
		return bad("file %d leaves out what is done without a session, and there is none", t.No)
	}
	return nil
}

func (c *Config) checkSlot() error {
	s := c.Slot
	if s == nil {
		return nil
	}
	bad := func(format string, a ...any) error { return &ConfigError{"Slot", fmt.Sprintf(format, a...)} }
	if err := c.file("Slot", &s.File, c.KeyNo, []wire.FileType{wire.FileBackup}, inspect.ActRead, inspect.ActWrite); err != nil {
		return err
	}
	size, spare := s.size(), -1
	if s.Spare != nil {
		spare = int(*s.Spare)
	}
	slots := int(s.Settings.Size) / size
	switch {
	case size != 8 && size != len(ID{}):
		return bad("a slot has 8 or %d bytes, not %d", len(ID{}), size)
	case s.Number < 0 || s.Number >= slots:
		return bad("number %d: file %d has %d bytes, which are slots 0 to %d", s.Number, s.No, s.Settings.Size, slots-1)
	case s.Spare != nil && spare >= int(s.Settings.Size):
		return bad("the spare byte %d is beyond the end of file %d", spare, s.No)
	case s.Spare != nil && spare/size == s.Number:
		return bad("the spare byte %d is part of slot %d", spare, s.Number)
	}
	return nil
}

func (c *Config) checkRecord() error {
	r := c.Record
	if r == nil {
		return nil
	}
	bad := func(format string, a ...any) error { return &ConfigError{"Record", fmt.Sprintf(format, a...)} }
	if err := c.file("Record", &r.File, c.KeyNo, []wire.FileType{wire.FileCyclicRecord, wire.FileLinearRecord}, inspect.ActRead, inspect.ActAppend); err != nil {
		return err
	}
	switch {
	case r.Settings.MaxRecords < 2:
		return bad("file %d has room for %d; a cyclic file needs 2 to show one", r.No, r.Settings.MaxRecords)
	case r.Settings.RecordSize < recordSize:
		return bad("records of file %d have %d bytes; an id, an amount and a number take %d", r.No, r.Settings.RecordSize, recordSize)
	case c.Policy == Hostile && !c.BeginFence && (c.TMAC == nil || !c.TMAC.NamesReader):
		return bad("a relay can have another terminal's pending record committed in place of ours: every terminal has to make sure that nothing pends before it begins (BeginFence), or names itself to a transaction MAC file")
	}
	return nil
}

// elsewhere refuses a place that fences nothing on cards of a generation, so that what is open
// could never be settled.
func (c *Config) elsewhere(g wire.Generation) error {
	e := c.Elsewhere
	switch {
	case e == nil || c.Policy != Hostile:
	case e.Place == c.Place:
		return &ConfigError{"Elsewhere", "it is the application of the purse"}
	case !e.Place.IsCard() && g.Has(wire.FeatureDelegated):
		return &ConfigError{"Elsewhere", fmt.Sprintf("%v cards can have two applications selected at a time: only the card level fences", g)}
	}
	return nil
}

// checkKeys refuses keys that prove less than they should.
func (c *Config) checkKeys(ctx context.Context) error {
	if c.NoKey {
		return nil
	}
	for _, no := range c.numbers() {
		own, ok, err := c.Keys.Has(ctx, c.ref(nil, no))
		if err != nil || !ok || own.Check == (key.CheckValue{}) {
			continue // what a store cannot tell without the card is compared in the session
		}
		if err := c.sharedKey(ctx, nil, own); err != nil {
			return err
		}
	}
	return nil
}

// numbers are the keys that open sessions, the one that moves values first.
func (c *Config) numbers() []wire.KeyNo {
	if no := c.reader(); no != nil {
		return []wire.KeyNo{c.KeyNo, *no}
	}
	return []wire.KeyNo{c.KeyNo}
}

// sharedKey refuses a key of the application that is also the key of the card level, or of
// Elsewhere: then a session proves nothing about where it is.
func (c *Config) sharedKey(ctx context.Context, uid []byte, own keystore.Facts) error {
	others := []keystore.Ref{{UID: keystore.UID(uid)}}
	if e := c.Elsewhere; e != nil {
		others = append(others, keystore.Ref{UID: keystore.UID(uid), Place: e.Place, Key: keystore.Number(e.KeyNo)})
	}
	for _, r := range others {
		f, ok, err := c.Keys.Has(ctx, r)
		if err == nil && ok && c.Policy == Hostile && f.Check != (key.CheckValue{}) && f.Same(own) {
			return &ConfigError{"Keys", fmt.Sprintf("%s is the same key as that of the purse: a relay could lead a session there and back", r.Words())}
		}
	}
	return nil
}

// ref names a key of the purse.
func (c *Config) ref(uid []byte, no wire.KeyNo) keystore.Ref {
	return keystore.Ref{UID: keystore.UID(uid), Place: c.Place, Key: keystore.Number(no)}
}
