package sim

import (
	"encoding/binary"
	"slices"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/wire"
)

func tmacCommands() []*command {
	create := on((*Card).createTransactionMACFile)
	create.judge = (*Card).needMasterKey
	create.length = func(*Card) int { return 17 }
	return []*command{create, on((*Card).commitReaderID)}
}

// transactionMAC is what a transaction MAC file holds. A published one is never
// changed.
type transactionMAC struct {
	key      []byte
	version  byte
	exclude  bool // leave out what is done without authentication
	limited  bool
	limit    uint32
	counter  uint32 // under LRP the committed transactions in the low half
	value    [8]byte
	readerID [16]byte // of the last committed transaction
	named    [16]byte // the last one that was named, see AbortedReaderRemembered
	aborted  uint16   // transactions since the last commit, see SesTMCCountsAborts
}

// content is what ReadData answers: counter and MAC.
func (t *transactionMAC) content() []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 12), t.counter)
	return append(b, t.value[:]...)
}

// exhausted reports whether the counter is at its limit. Under LRP the
// committed transactions count.
func (c *Card) exhausted(t *transactionMAC) bool {
	lrp, highest := c.nvm.config.lrp(), uint32(1<<32-1)
	if lrp {
		highest = 1<<16 - 1
	}
	n := t.committed(lrp)
	return t.limited && n >= t.limit || c.quirks.TMCStops && n == highest
}

// committed is how many transactions there were.
func (t *transactionMAC) committed(lrp bool) uint32 {
	if lrp {
		return t.counter & 0xFFFF
	}
	return t.counter
}

// tmacFile is the transaction MAC file of the application, or nil.
func (a *application) tmacFile() *file {
	for _, f := range a.files {
		if f.tmac != nil {
			return f
		}
	}
	return nil
}

// createTransactionMACFile creates the one such file of an application. It
// aborts the transaction (hardware notes 3).
func (c *Card) createTransactionMACFile(m *wire.CreateTransactionMACFile, _ *wire.Empty) wire.Status {
	const known = 3 | wire.OptionTMIExclude
	switch {
	case m.Option&^known != 0, m.KeyOption != wire.TMKeyAES, m.Access.Write != wire.Never,
		m.Option.Has(wire.OptionTMIExclude) && m.Access.ReadWrite == wire.Free:
		return wire.StatusParameterError
	}
	f := &file{
		no: m.File, typ: wire.FileTransactionMAC, rights: m.Access,
		tmac: &transactionMAC{key: slices.Clone(m.Key.Bytes()), version: byte(m.KeyVersion), exclude: m.Option.Has(wire.OptionTMIExclude)},
	}
	if c.call.app.tmacFile() != nil && c.call.app.file(m.File) == nil {
		return wire.StatusPermissionDenied
	}
	if old := c.call.app.deletedTMAC; old != nil && c.quirks.TMACKept {
		f.tmac.counter, f.tmac.value, f.tmac.readerID = old.counter, old.value, old.readerID
	}
	if st := c.createFile(f, m.Option&3, 0); st != wire.StatusOK {
		return st
	}
	c.v.pending.clear()
	return wire.StatusOK
}

// tmi is the input of the transaction MAC as it grows.
type tmi struct {
	mac       *cmac.MAC
	counter   uint32 // that the keys are made with
	enc       []byte // SesTMENCKey
	readerID  *[16]byte
	anonymous bool // named without authentication: not remembered
}

// track adds a successful command of the primary application to the transaction
// MAC's input: its header and its data, each filled with zeros to whole blocks (secure-messaging
// reference 6.2). Reads count, and alone make a transaction.
func (c *Card) track(header, data []byte) {
	t := c.call.app.tmacFile()
	if t == nil || c.call.app.aid != c.v.aid || c.call.file == t || t.tmac.exclude && c.v.session.channel == nil {
		return
	}
	c.startTMI(t.tmac)
	c.v.pending.tmi.add(header)
	c.v.pending.tmi.add(data)
}

func (t *tmi) add(b []byte) {
	t.mac.Write(b)
	t.mac.Write(make([]byte, roundUp(len(b), 16)-len(b)))
}

// startTMI derives the transaction's keys at its first command.
func (c *Card) startTMI(t *transactionMAC) {
	if c.v.pending.tmi.mac != nil {
		return
	}
	c.v.pending.began(c.v.session.first)
	x := &c.v.pending.tmi
	x.counter = t.counter + 1
	var macKey []byte
	if c.nvm.config.lrp() {
		// actTMC+1, and sesTMC+1, which is reset at every commit.
		x.counter = uint32(uint16(t.counter)+1) | (uint32(t.aborted)+1)<<16
		macKey, x.enc = c.lrpTMKey(t.key, x.counter, 0x5A), c.lrpTMKey(t.key, x.counter, 0xA5)
	} else {
		macKey, x.enc = c.tmKey(t.key, x.counter, 0x5A), c.tmKey(t.key, x.counter, 0xA5)
	}
	x.mac = cmac.New(aesBlock(macKey))
	x.mac.Reset(nil)
}

// tmKey derives SesTMMACKey (label 5A) or SesTMENCKey (A5). The real UID counts
// also where the card shows a random one.
func (c *Card) tmKey(k []byte, counter uint32, label byte) []byte {
	sv := append(binary.LittleEndian.AppendUint32([]byte{label, 0x00, 0x01, 0x00, 0x80}, counter), c.uid[:]...)
	m := cmac.New(aesBlock(k))
	m.Reset(nil)
	m.Write(sv)
	return slices.Clone(m.Sum())
}

func (c *Card) lrpTMKey(k []byte, counter uint32, label byte) []byte {
	sv := append(binary.LittleEndian.AppendUint32([]byte{0x00, 0x01, 0x00, 0x80}, counter), c.uid[:]...)
	sum := lrp.NewMAC(lrp.New([16]byte(k))).Sum(append(sv, label))
	return sum[:]
}

// commitReaderID names the reader in the running transaction, once.
func (c *Card) commitReaderID(m *wire.CommitReaderID, rsp *wire.ReaderID) wire.Status {
	rsp.EncTMRI = rsp.EncTMRI[:0]
	t := c.call.app.tmacFile()
	if t == nil {
		return wire.StatusPermissionDenied
	}
	if st := c.access(opCommitReaderID, t.no); st != wire.StatusOK {
		return st
	}
	again := c.v.pending.tmi.readerID != nil && !c.quirks.SecondReaderIDReplaces
	if c.exhausted(t.tmac) || again {
		return wire.StatusPermissionDenied
	}
	c.startTMI(t.tmac)
	x := &c.v.pending.tmi
	x.readerID = new([16]byte)
	*x.readerID = m.TMRI
	if c.v.session.channel != nil {
		previous := &t.tmac.readerID
		if c.quirks.AbortedReaderRemembered && t.tmac.named != [16]byte{} {
			previous = &t.tmac.named
		}
		rsp.EncTMRI = append(rsp.EncTMRI, previous[:]...)
		aesBlock(x.enc).Encrypt(rsp.EncTMRI, rsp.EncTMRI)
	} else {
		x.anonymous = true
	}
	x.add(slices.Concat([]byte{wire.InsCommitReaderID}, m.TMRI[:], rsp.EncTMRI))
	return wire.StatusOK
}

// commitTMAC puts the transaction's MAC into its file, in an application that
// is being edited. done tells whether there was one.
func (c *Card) commitTMAC(app *application, rsp *wire.CommitTransactionResponse) (done bool, st wire.Status) {
	f := app.tmacFile()
	x := &c.v.pending.tmi
	if f == nil || x.mac == nil {
		return false, wire.StatusOK
	}
	if f.rights.ReadWrite != wire.Never && x.readerID == nil {
		return false, wire.StatusPermissionDenied
	}
	next := *f.tmac
	next.counter, next.aborted, next.named = x.counter, 0, [16]byte{}
	next.value = cmac.Truncated(x.mac.Sum())
	if x.readerID != nil && !x.anonymous {
		next.readerID = *x.readerID
	}
	app.editFile(f.no).tmac = &next
	rsp.TMC, rsp.TMV = wire.TMC(next.counter), next.value
	return true, wire.StatusOK
}

// abortTMAC keeps what a chip may remember of a transaction that was aborted.
func (c *Card) abortTMAC() wire.Status {
	f, x := c.call.app.tmacFile(), &c.v.pending.tmi
	if f == nil || x.mac == nil || !c.quirks.SesTMCCountsAborts && !c.quirks.AbortedReaderRemembered {
		return wire.StatusOK
	}
	t := *f.tmac
	if c.quirks.SesTMCCountsAborts && c.nvm.config.lrp() {
		t.aborted++
	}
	if c.quirks.AbortedReaderRemembered && x.readerID != nil && !x.anonymous {
		t.named = *x.readerID
	}
	next := c.nvm.edit()
	next.editApp(c.call.app.aid).editFile(f.no).tmac = &t
	return c.commit(next)
}
