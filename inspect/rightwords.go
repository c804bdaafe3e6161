package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Right is one of the four access rights of a file by the word that people write
// for it. A value file has words of its own, since its rights include each other.
type Right string

// Rights as they are written, with the field of wire.AccessRights each is.
const (
	RightRead       Right = "read"        // Read
	RightWrite      Right = "write"       // Write: records are added with it
	RightReadWrite  Right = "read-write"  // ReadWrite: both, and records are cleared with it
	RightDebit      Right = "debit"       // Read of a value file: get and debit
	RightRefund     Right = "refund"      // Write of a value file: limited credit as well
	RightCredit     Right = "credit"      // ReadWrite of a value file: all of it
	RightNameReader Right = "name-reader" // ReadWrite of a transaction MAC file
	RightChange     Right = "change"      // Change: the settings of the file
)

// field is where a right is stored.
func (r Right) field(a *wire.AccessRights) *wire.Access {
	switch r {
	case RightRead, RightDebit:
		return &a.Read
	case RightWrite, RightRefund:
		return &a.Write
	case RightReadWrite, RightCredit, RightNameReader:
		return &a.ReadWrite
	case RightChange:
		return &a.Change
	}
	return nil
}

// WrittenRights are the rights that files of a type have, in the order in which
// they are written.
func WrittenRights(t wire.FileType) []Right {
	switch t {
	case wire.FileValue:
		return []Right{RightDebit, RightRefund, RightCredit, RightChange}
	case wire.FileTransactionMAC:
		return []Right{RightRead, RightNameReader, RightChange}
	}
	return []Right{RightRead, RightWrite, RightReadWrite, RightChange}
}

// ParseAccess reads who has a right: the number of a key, free or never.
func ParseAccess(s string) (wire.Access, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "free":
		return wire.Free, nil
	case "never":
		return wire.Never, nil
	}
	digits := strings.TrimSpace(s)
	n, err := strconv.ParseUint(digits, 10, 8)
	if err != nil || n >= wire.MaxKeys || len(digits) > 1 && digits[0] == '0' { // 010 is 8 for some and 10 for others
		return 0, fmt.Errorf("%q: want the number of a key, 0 to %d, free or never", s, wire.MaxKeys-1)
	}
	return wire.Access(n), nil
}

// AccessWord is what ParseAccess reads.
func AccessWord(a wire.Access) string {
	if a == wire.Free || a == wire.Never {
		return a.String()
	}
	return strconv.Itoa(int(a))
}

// WrittenAccess is what somebody wrote of a set of access rights. A right that is
// not in it was not spoken of.
type WrittenAccess map[Right]wire.Access

// ParseWrittenAccess reads a whole set, such as read=1,write=2,read-write=never.
func ParseWrittenAccess(s string) (WrittenAccess, error) {
	w := WrittenAccess{}
	for part := range strings.SplitSeq(s, ",") {
		name, who, ok := strings.Cut(part, "=")
		right := Right(strings.ToLower(strings.TrimSpace(name)))
		switch _, twice := w[right]; {
		case !ok || right.field(new(wire.AccessRights)) == nil:
			return nil, fmt.Errorf("%q: want rights such as read=1,write=free,read-write=never", s)
		case twice:
			return nil, fmt.Errorf("%q: %s twice", s, right)
		}
		a, err := ParseAccess(who)
		if err != nil {
			return nil, fmt.Errorf("%s=%w", right, err)
		}
		w[right] = a
	}
	return w, nil
}

// ForeignRightError is a right that files of a type do not have, by its word.
type ForeignRightError struct {
	Right Right
	Type  wire.FileType
	Same  Right // the word of such files for the same field; empty if there is none
}

func (e *ForeignRightError) Error() string {
	text := fmt.Sprintf("a %v file has no right called %s", e.Type, e.Right)
	if e.Same != "" {
		return fmt.Sprintf("%s: say %s, for %s", text, e.Same, e.Same.Meaning(e.Type))
	}
	words := make([]string, 0, 4)
	for _, r := range WrittenRights(e.Type) {
		words = append(words, string(r))
	}
	return fmt.Sprintf("%s: it has %s", text, strings.Join(words, ", "))
}

// Apply puts what was written into the rights of a file of a type. The error is a
// *ForeignRightError; r is as it was then.
func (w WrittenAccess) Apply(t wire.FileType, r *wire.AccessRights) error {
	next, known := *r, WrittenRights(t)
	for right, who := range w {
		if !slices.Contains(known, right) {
			e := &ForeignRightError{Right: right, Type: t}
			for _, k := range known {
				if k.field(&next) == right.field(&next) {
					e.Same = k
				}
			}
			return e
		}
		*right.field(&next) = who
	}
	*r = next
	return nil
}

// AccessWords is a whole set as it is written, for the files of a type. A further
// set does not say who changes the settings, and leaves that out.
func AccessWords(t wire.FileType, r wire.AccessRights, further bool) string {
	var parts []string
	for _, right := range WrittenRights(t) {
		if further && right == RightChange {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s=%s", right, AccessWord(*right.field(&r))))
	}
	return strings.Join(parts, ",")
}

// Meaning is what a right allows with files of a type.
func (r Right) Meaning(t wire.FileType) string {
	if r == RightChange {
		return "change these settings"
	}
	only := wire.AccessRights{Read: wire.Never, Write: wire.Never, ReadWrite: wire.Never, Change: wire.Never}
	if f := r.field(&only); f != nil {
		*f = wire.Free
	}
	var acts []string
	for _, g := range RightsOf(&wire.FileSettings{Type: t, Access: only, Flags: wire.ValueLimitedCredit}) {
		if g.Possible() {
			acts = append(acts, string(g.Act))
		}
	}
	return strings.Join(acts, ", ")
}

// NoAccess is a set of which nobody has any right: what a further set begins as.
var NoAccess = wire.AccessRights{Read: wire.Never, Write: wire.Never, ReadWrite: wire.Never, Change: wire.Never}
