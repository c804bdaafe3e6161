package sim

import "github.com/go-desfire/desfire/wire"

// operation is what a command does with a file, as far as rights go.
type operation struct {
	// Which of the four rights grant it (command reference 9).
	read, write, readWrite, change bool
	types                          []wire.FileType // that it works on; nil for all
	getValue                       bool            // free where the file says so
}

var (
	opRead = operation{read: true, readWrite: true,
		types: []wire.FileType{wire.FileStandard, wire.FileBackup, wire.FileTransactionMAC}}
	opWrite = operation{write: true, readWrite: true,
		types: []wire.FileType{wire.FileStandard, wire.FileBackup}}
	opGetValue = operation{read: true, write: true, readWrite: true, getValue: true,
		types: []wire.FileType{wire.FileValue}}
	opDebit = operation{read: true, write: true, readWrite: true,
		types: []wire.FileType{wire.FileValue}}
	opLimitedCredit = operation{write: true, readWrite: true,
		types: []wire.FileType{wire.FileValue}}
	opCredit = operation{readWrite: true,
		types: []wire.FileType{wire.FileValue}}
	opISORead = operation{read: true, readWrite: true,
		types: []wire.FileType{wire.FileStandard, wire.FileBackup}}
	opISOWrite       = opWrite
	opCommitReaderID = operation{readWrite: true,
		types: []wire.FileType{wire.FileTransactionMAC}}
	opChange      = operation{change: true}
	opReadRecords = operation{read: true, readWrite: true,
		types: []wire.FileType{wire.FileLinearRecord, wire.FileCyclicRecord}}
	opWriteRecord = operation{write: true, readWrite: true,
		types: []wire.FileType{wire.FileLinearRecord, wire.FileCyclicRecord}}
	opChangeRecords = operation{readWrite: true,
		types: []wire.FileType{wire.FileLinearRecord, wire.FileCyclicRecord}}
)

func (op operation) worksOn(t wire.FileType) bool {
	for _, x := range op.types {
		if x == t {
			return true
		}
	}
	return len(op.types) == 0
}

// pending reports whether the operation changes the file at Commit.
func (op operation) pending(t wire.FileType) bool {
	return t != wire.FileStandard && t != wire.FileTransactionMAC && !op.getValue && (op.write || op.readWrite && !op.read)
}

// grant is what a file's rights say about an operation.
type grant struct {
	possible bool // some right that gives it is not Never
	free     bool
	byKey    bool // the authenticated key gives it
}

// granted unites what the sets of rights give.
func (op operation) granted(r wire.AccessRights, c *Card, g *grant) {
	for _, x := range [...]struct {
		counts bool
		who    wire.Access
	}{{op.read, r.Read}, {op.write, r.Write}, {op.readWrite, r.ReadWrite}, {op.change, r.Change}} {
		switch {
		case !x.counts || x.who == wire.Never:
		case x.who == wire.Free:
			g.possible, g.free = true, true
		default:
			g.possible = true
			g.byKey = g.byKey || c.authenticated(wire.KeyNo(x.who))
		}
	}
}

// access finds the file and judges whether the operation is granted. It sets
// the call's file and effective mode.
//
// 9D: nothing could give the right. AE: something could (command reference 4.2).
// The file's mode counts only where a key gives the right; what is free
// travels plain (5.5).
func (c *Card) access(op operation, no wire.FileNo) wire.Status {
	f := c.fileOf(no)
	if f == nil {
		return wire.StatusFileNotFound
	}
	c.call.file, c.call.mode = f, wire.CommPlain
	if !op.worksOn(f.typ) {
		return wire.StatusPermissionDenied
	}
	t := c.call.app.tmacFile()
	if t != nil && t != f && op.types != nil && c.exhausted(t.tmac) && !c.quirks.LimitRefusesCommit {
		return wire.StatusPermissionDenied
	}
	var g grant
	op.granted(f.rights, c, &g)
	for _, r := range f.additional {
		op.granted(r, c, &g)
	}
	if op.getValue && f.freeGet && g.possible {
		g.free = true
	}
	if op.read && f.sdm != nil && c.v.session.channel == nil && f.sdm.Access.FileRead() != wire.Never {
		g.possible, g.free = true, true // command reference 13.3
	}
	if t != nil && t.rights.ReadWrite != wire.Never && op.pending(f.typ) && c.quirks.ReaderIDNeedsSession {
		g.free = g.free && c.v.session.channel != nil
	}
	switch {
	case !g.possible:
		return wire.StatusPermissionDenied
	case !g.free && !g.byKey:
		return wire.StatusAuthenticationError
	case g.byKey:
		c.call.mode = f.comm
	default:
		c.call.free = true
	}
	return wire.StatusOK
}

// fileOf finds a file of the selected applications, and makes its application
// the one that the command is about.
func (c *Card) fileOf(no wire.FileNo) *file {
	if no.Secondary() && c.v.second != wire.PICC {
		c.call.app = c.nvm.app(c.v.second)
		no = no.Local()
	}
	return c.call.app.file(no)
}

// masterKey is the key that rules a level.
const masterKey wire.KeyNo = 0

// allowedBy judges a command that is free where a bit of key setting 1 is set,
// and else needs the master key of the level.
func (c *Card) allowedBy(settings, bit wire.KeySett1) wire.Status {
	if settings.Has(bit) || c.authenticated(masterKey) {
		return wire.StatusOK
	}
	return wire.StatusAuthenticationError
}
