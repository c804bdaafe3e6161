package yamlnode

import (
	"strings"

	"github.com/go-desfire/desfire/an10922"
)

// Diversification is what a file says of what a key is derived from by AN10922.
type Diversification struct {
	UID, AID bool
	System   []byte
}

// Most are the bytes that a key of AES is derived from at most, and one of
// another type.
const (
	mostOfAES = 31
	mostOfDES = 15
)

// Diversify reads {an10922: {uid: true, aid: true, system: "TEXT"}}. noAID says
// why there is no AID, empty if there is one; aes whether the key may be of AES.
func (n *Node) Diversify(noAID string, aes bool) (*Diversification, error) {
	const want = `{an10922: {uid: true, aid: true, system: "TEXT"}}`
	if err := n.WantMembers(want); err != nil {
		return nil, err
	}
	f, faults := n.Fields("diversify", "an10922")
	if len(faults) > 0 {
		return nil, faults[0]
	}
	in, ok := f["an10922"]
	if !ok {
		return nil, n.Fault("want %s", want)
	}
	if err := in.WantMembers("uid, aid and system as your system has them"); err != nil {
		return nil, err
	}
	if f, faults = in.Fields("an10922", "uid", "aid", "system"); len(faults) > 0 {
		return nil, faults[0]
	}
	d := new(Diversification)
	size := 0
	var err error
	if v, ok := f["uid"]; ok {
		if d.UID, err = v.Bool("uid"); err != nil {
			return nil, err
		}
	}
	if d.UID {
		size += 4 // at least
	}
	if v, ok := f["aid"]; ok {
		if d.AID, err = v.Bool("aid"); err != nil {
			return nil, err
		}
		if d.AID && noAID != "" {
			return nil, v.Fault("%s", noAID)
		}
	}
	if d.AID {
		size += 3
	}
	if v, ok := f["system"]; ok {
		text, err := v.WantText("the identifier of the system")
		if err != nil {
			return nil, err
		}
		d.System = an10922.System(text)
		if strings.HasPrefix(text, "hex:") && string(d.System) == text {
			return nil, v.Fault("system: want hexadecimal digits after hex:")
		}
		size += len(d.System)
	}
	most := mostOfDES
	if aes {
		most = mostOfAES
	}
	switch {
	case size == 0:
		return nil, in.Fault("nothing to derive from: want uid: true, aid: true or system")
	case size > most:
		return nil, in.Fault("UID, AID and system make %d bytes or more: %d at most", size, most)
	}
	return d, nil
}
