package sim

import (
	"encoding/binary"

	"github.com/go-desfire/desfire/wire"
)

func valueCommands() []*command {
	rows := []*command{
		onFile(opGetValue, nil, (*Card).getValue),
		onFile(opCredit, nil, (*Card).credit),
		onFile(opDebit, nil, (*Card).debit),
		onFile(opLimitedCredit, nil, (*Card).limitedCredit),
	}
	for _, row := range rows[1:] {
		row.length = func(*Card) int { return 4 }
	}
	restore := on((*Card).restoreTransfer)
	m := restore.msg.(*wire.RestoreTransfer)
	restore.judge = func(c *Card) wire.Status { return c.mayRestore(m) }
	return append(rows, restore)
}

// getValue answers the committed value.
func (c *Card) getValue(_ *wire.GetValue, rsp *wire.Value) wire.Status {
	rsp.Value = c.call.file.value
	c.trackValue(rsp.Value)
	return wire.StatusOK
}

func (c *Card) credit(m *wire.Credit, _ *wire.Empty) wire.Status { return c.add(m.Amount, m.Amount) }

func (c *Card) debit(m *wire.Debit, _ *wire.Empty) wire.Status {
	if m.Amount == 0 {
		if st := c.quirks.StatusDebitZero; st != wire.StatusOK || !c.quirks.DebitZeroPends {
			return st
		}
	}
	if st := c.add(m.Amount, -m.Amount); st != wire.StatusOK {
		return st
	}
	p := c.pendingOf(c.call.file)
	p.debitedNothing = p.debitedNothing || m.Amount == 0
	p.debited = addSaturated(p.debited, m.Amount)
	return wire.StatusOK
}

// limitedCredit gives back at most what the last committed transaction took
// (command reference 10.6). One in a transaction.
func (c *Card) limitedCredit(m *wire.LimitedCredit, _ *wire.Empty) wire.Status {
	f := c.call.file
	switch {
	case m.Amount < 0:
		return wire.StatusParameterError
	case !f.limitedOn:
		return wire.StatusPermissionDenied
	case m.Amount > f.limited, c.pendingOf(f).limitedUsed:
		return wire.StatusBoundaryError
	}
	if st := c.add(m.Amount, m.Amount); st != wire.StatusOK {
		return st
	}
	c.pendingOf(f).limitedUsed = true
	return wire.StatusOK
}

// add changes the pending value. The limits hold after every step.
func (c *Card) add(amount, change int32) wire.Status {
	if amount < 0 {
		return wire.StatusParameterError
	}
	f := c.call.file
	p := c.pendingOf(f)
	value := f.value
	if p.valued {
		value = p.value
	}
	sum := int64(value) + int64(change)
	if sum > int64(f.upper) || sum < int64(f.lower) {
		return wire.StatusBoundaryError
	}
	p.valued, p.value = true, int32(sum)
	c.trackValue(amount)
	return wire.StatusOK
}

// trackValue adds a value command to the transaction MAC's input.
func (c *Card) trackValue(v int32) {
	c.track(binary.LittleEndian.AppendUint32(c.header(c.call.file.no), uint32(v)), nil)
}

func addSaturated(a, b int32) int32 {
	return int32(min(int64(a)+int64(b), 1<<31-1))
}

// mayRestore judges RestoreTransfer: reading the source's value, and the target's
// ReadWrite right (inferred).
func (c *Card) mayRestore(m *wire.RestoreTransfer) wire.Status {
	if m.Source.Secondary() != m.Target.Secondary() {
		return wire.StatusPermissionDenied // not between applications
	}
	if st := c.access(opGetValue, m.Source); st != wire.StatusOK {
		return st
	}
	return c.access(opCredit, m.Target)
}

// restoreTransfer gives the target the source's value at CommitTransaction.
func (c *Card) restoreTransfer(m *wire.RestoreTransfer, _ *wire.Empty) wire.Status {
	f, source := c.call.file, c.fileOf(m.Source)
	if f.no == source.no {
		return wire.StatusParameterError
	}
	if source.value > f.upper || source.value < f.lower {
		return wire.StatusBoundaryError
	}
	p := c.pendingOf(f)
	p.valued, p.value = true, source.value
	c.track(append(c.header(m.Target), byte(m.Source)), nil)
	return wire.StatusOK
}

// valueWithoutMAC reports whether a value command may go without its MAC.
func (c *Card) valueWithoutMAC(mode wire.CommMode, n int) bool {
	s := c.v.session.scheme
	return c.quirks.ValueWithoutMAC && mode == wire.CommMAC && n == 4 && c.call.file != nil && c.call.file.typ == wire.FileValue &&
		(s == wire.SchemeD40 || s == wire.SchemeEV1)
}
