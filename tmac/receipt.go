package tmac

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

// Receipt is what CommitTransaction answers when asked, and what the
// transaction MAC file holds: 12 bytes. Keys are made with TMC as it is; how many
// transactions there were is Count.
type Receipt struct {
	TMC uint32 // with LRP: actTMC in the low half, sesTMC in the high one
	TMV [8]byte
}

// ParseReceipt reads the 12 bytes.
func ParseReceipt(b []byte) (Receipt, error) {
	if len(b) != 12 {
		return Receipt{}, fmt.Errorf("transaction MAC: %d bytes, want 12", len(b))
	}
	return Receipt{binary.LittleEndian.Uint32(b), [8]byte(b[4:])}, nil
}

// Count is how many transactions were committed. Under LRP that is actTMC, 16
// bits; sesTMC, the other half of TMC, says nothing of it.
func (r Receipt) Count(useLRP bool) uint32 { return Count(r.TMC, useLRP) }

// Next is the Count that the transaction after this one gets. It begins anew
// after the highest number there is, FFFF under LRP.
func (r Receipt) Next(useLRP bool) uint32 { return Count(Count(r.TMC, useLRP)+1, useLRP) }

// Compare is negative if r comes before s on the same card, zero if it is the
// same Count, and positive if it comes after. Under LRP numbers may have begun
// anew: what is less than half of them ahead comes after. 32 bits no card uses up.
func (r Receipt) Compare(s Receipt, useLRP bool) int { return Compare(r.TMC, s.TMC, useLRP) }

// Count is Receipt.Count of a TMC.
func Count(tmc uint32, useLRP bool) uint32 {
	if useLRP {
		return tmc & 0xFFFF
	}
	return tmc
}

// Compare is Receipt.Compare of two TMCs.
func Compare(a, b uint32, useLRP bool) int {
	if useLRP {
		return cmp.Compare(int16(a-b), 0)
	}
	return cmp.Compare(a, b)
}
