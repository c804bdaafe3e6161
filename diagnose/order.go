package diagnose

import (
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// maxMemory is more than any card holds, in bytes.
const maxMemory = 32 << 10

// order looks for numbers whose bytes stand in the wrong order: what they say
// is impossible, and makes sense the other way round.
func (w *walk) order(m *trace.Message) {
	switch m.Status {
	case wire.StatusBoundaryError, wire.StatusParameterError, wire.StatusLengthError, wire.StatusApplicationNotFound, wire.StatusOutOfEEPROM, wire.StatusPermissionDenied:
	default:
		return
	}
	if m.Spec == nil || m.Class != wire.ClassNative || m.Head > len(m.Body) {
		return
	}
	cmd := m.Spec.New()
	var coder wire.Coder
	body := plainBody(m)
	if coder.Decode(body, nil, cmd) != nil {
		// The length may be what is the wrong way round.
		if _, err := coder.DecodeHead(m.Body, cmd); err != nil {
			return
		}
		switch cmd.(type) { // what has its numbers behind the header
		case *wire.Credit, *wire.Debit, *wire.LimitedCredit:
			return
		}
	}
	size := uint32(maxMemory)
	if m.File != nil {
		if s := w.app(m).files[m.File.No]; s != nil && s.Size > 0 {
			size = s.Size
		}
	}
	switch c := cmd.(type) {
	case *wire.SelectApplication:
		w.orderAID(m, c.AID)
	case *wire.DeleteApplication:
		w.orderAID(m, c.AID)
	case *wire.ReadData:
		w.order24(m, "offset", c.Offset, size)
		w.order24(m, "length", c.Length, size)
	case *wire.ReadDataISO:
		w.order24(m, "offset", c.Offset, size)
		w.order24(m, "length", c.Length, size)
	case *wire.WriteData, *wire.WriteDataISO, *wire.WriteRecord:
		if len(m.Body) >= 7 {
			b := m.Body
			w.order24(m, "offset", uint32(b[1])|uint32(b[2])<<8|uint32(b[3])<<16, size)
			w.order24(m, "length", uint32(b[4])|uint32(b[5])<<8|uint32(b[6])<<16, size)
		}
	case *wire.ReadRecords:
		w.order24(m, "record number", c.Record, 1<<16)
		w.order24(m, "number of records", c.Count, 1<<16)
	case *wire.CreateStdDataFile:
		w.order24(m, "size", c.Size, maxMemory)
	case *wire.CreateBackupDataFile:
		w.order24(m, "size", c.Size, maxMemory)
	case *wire.CreateLinearRecordFile:
		w.order24(m, "record size", c.RecordSize, maxMemory)
		w.order24(m, "number of records", c.MaxRecords, 1<<16)
	case *wire.CreateCyclicRecordFile:
		w.order24(m, "record size", c.RecordSize, maxMemory)
		w.order24(m, "number of records", c.MaxRecords, 1<<16)
	case *wire.Credit:
		w.order32(m, "amount", c.Amount, 0)
	case *wire.Debit:
		w.order32(m, "amount", c.Amount, 0)
	case *wire.LimitedCredit:
		w.order32(m, "amount", c.Amount, 0)
	case *wire.CreateValueFile:
		if c.Lower > c.Upper || c.Value < c.Lower || c.Value > c.Upper {
			lo, up, v := swap32(c.Lower), swap32(c.Upper), swap32(c.Value)
			if lo <= v && v <= up {
				w.find(m, "byte-order", Likely, fmt.Sprintf("limits and value are %d, %d and %d, which do not fit together; with their bytes the other way round they are %d, %d and %d", c.Lower, c.Upper, c.Value, lo, up, v), "send numbers with their low byte first")
			} else {
				w.find(m, "limits", Proved, fmt.Sprintf("the value %d is not between the limits %d and %d", c.Value, c.Lower, c.Upper), "choose limits that the value lies between")
			}
		}
	}
}

// orderAID looks for an application by its number, read the other way round.
func (w *walk) orderAID(m *trace.Message, aid wire.AID) {
	if m.Status != wire.StatusApplicationNotFound {
		return
	}
	b := aid.Wire()
	other := wire.AID(b[2]) | wire.AID(b[1])<<8 | wire.AID(b[0])<<16
	there := func(a wire.AID) bool {
		for _, l := range w.listed {
			if l == a {
				return true
			}
		}
		f := w.apps[a]
		return f != nil && f.created >= 0
	}
	switch {
	case other != aid && there(other):
		w.find(m, "byte-order", Proved, fmt.Sprintf("there is no application %v, but there is %v: the bytes of its number were sent the other way round", aid, other), "send the number of an application with its low byte first")
	case w.hasList && !there(aid):
		w.find(m, "no-application", Proved, fmt.Sprintf("there is no application %v: the card listed %s, and it is not among them", aid, plural(len(w.listed), "application")), "select one of those that GetApplicationIDs lists")
	}
}

func (w *walk) order24(m *trace.Message, what string, v, limit uint32) {
	other := v>>16 | v&0xFF00 | v&0xFF<<16
	if v > limit && other <= limit && other > 0 {
		w.find(m, "byte-order", Likely, fmt.Sprintf("the %s is %d, which no card has; with its bytes the other way round it is %d", what, v, other), "send numbers with their low byte first")
	}
}

func swap32(v int32) int32 {
	u := uint32(v)
	return int32(u<<24 | u&0xFF00<<8 | u>>8&0xFF00 | u>>24)
}

// order32 looks at amounts, which are not negative.
func (w *walk) order32(m *trace.Message, what string, v, lowest int32) {
	other := swap32(v)
	switch {
	case v < lowest && other > 0, v > 1<<24 && other > 0 && other < 1<<16:
		w.find(m, "byte-order", Likely, fmt.Sprintf("the %s is %d; with its bytes the other way round it is %d", what, v, other), "send numbers with their low byte first")
	case v < lowest:
		w.find(m, "amount", Proved, fmt.Sprintf("the %s is %d, and negative ones are not allowed", what, v), "give the amount as a positive number, to Credit or to Debit")
	}
}

// plainBody is a command without its protection, as far as that is known.
func plainBody(m *trace.Message) []byte {
	if m.Plain != nil && m.Right > 0 {
		return m.Plain
	}
	return m.Body
}
